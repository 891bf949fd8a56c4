"""What is deployed is held to the schemas of Kubernetes, and to rules of our own that no schema has."""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from services.cli import app
from services.foundation.settings import PREFIX, Settings, WrongSettings, load_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
VERSIONS = ("1.30", kubernetes_validate.latest_version())  # the oldest that is promised, and the newest known
PROCESSES = ("worker", "mailer", "mailbox", "mesh", "scheduler", "web")
WITH_DOCUMENTS = {"mailer", "mailbox", "mesh", "web"}
EXAMPLES = [ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]  # Source: RFC 5737
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}

Manifest = dict[str, Any]


def manifests() -> dict[str, Manifest]:
    """Every object, by kind and name."""
    found = {}
    for path in sorted(KUBERNETES.rglob("*.yaml")):
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if each["kind"] != "Kustomization":
                found[f"{each['kind']}/{each['metadata']['name']}"] = each
    return found


MANIFESTS = manifests()
WORKLOADS = {name: each for name, each in MANIFESTS.items() if each["kind"] in {"Deployment", "Job"}}
DEPLOYMENTS = {name: each for name, each in WORKLOADS.items() if each["kind"] == "Deployment"}
COMPOSE: Manifest = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Manifest] = COMPOSE["services"]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
OWN = {name: each for name, each in SERVICES.items() if each["image"].startswith("localhost/quorate")}


def commands() -> set[str]:
    """What can stand after `quorate`."""
    return set(get_command(app).commands)  # type: ignore[attr-defined]  # it is a group


def pod(workload: Manifest) -> Manifest:
    spec: Manifest = workload["spec"]["template"]["spec"]
    return spec


def container(workload: Manifest) -> Manifest:
    [only] = pod(workload)["containers"]
    found: Manifest = only
    return found


def environment(workload: Manifest) -> dict[str, Any]:
    """Every variable that a container is given, with its value or where that comes from."""
    found: dict[str, Any] = {}
    for source in container(workload).get("envFrom", ()):
        found |= MANIFESTS[f"ConfigMap/{source['configMapRef']['name']}"]["data"]
    return found | {each["name"]: each.get("value", each.get("valueFrom")) for each in container(workload)["env"]}


def selected(policy: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a selector of pods takes those with these labels."""
    some = policy.get("matchLabels", {}).items() <= labels.items()
    return bool(some) and all(labels.get(each["key"]) in each["values"] for each in policy.get("matchExpressions", ()))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_every_manifest_is_as_kubernetes_has_it(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_a_field_that_kubernetes_does_not_have_is_noticed() -> None:
    wrong = MANIFESTS["Deployment/quorate-worker"] | {"replicas": 2}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_what_keeps_running_and_what_runs_once_are_applied_whole() -> None:
    folders = {KUBERNETES: {"secret.example.yaml"}, KUBERNETES / "jobs": set(), KUBERNETES / "mesh": set()}
    for folder, left_out in folders.items():
        listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
        there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"} - left_out
        assert set(listed) == there


def test_everything_is_in_the_namespace_which_lets_in_nothing_that_asks_for_more() -> None:
    labels = MANIFESTS["Namespace/quorate"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    elsewhere = [n for n, each in MANIFESTS.items() if each["metadata"].get("namespace", "quorate") != "quorate"]
    assert elsewhere == []
    assert {name for name, each in MANIFESTS.items() if "namespace" not in each["metadata"]} == {"Namespace/quorate"}


def test_there_is_a_deployment_for_each_process_and_a_job_for_what_comes_before() -> None:
    assert set(WORKLOADS) == {f"Deployment/quorate-{each}" for each in PROCESSES} | {
        "Job/quorate-migrate",
        "Job/quorate-topics",
    }


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_container_has_no_root_nothing_to_write_and_no_power(name: str) -> None:
    spec, own = pod(WORKLOADS[name]), container(WORKLOADS[name])
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] >= 1000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = [volume for volume in spec.get("volumes", ()) if not {"configMap", "secret"} & volume.keys()]
    kept = [volume["persistentVolumeClaim"]["claimName"] for volume in written if "persistentVolumeClaim" in volume]
    assert kept == (["quorate-documents"] if name.rpartition("-")[2] in WITH_DOCUMENTS else [])
    assert all(volume["emptyDir"]["sizeLimit"] for volume in written if "persistentVolumeClaim" not in volume)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_container_says_what_it_needs_and_what_it_may_take(name: str) -> None:
    resources = container(WORKLOADS[name])["resources"]
    assert {"cpu", "memory"} <= resources["requests"].keys()
    assert {"cpu", "memory"} <= resources["limits"].keys()


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_container_runs_a_command_there_is_with_settings_there_are(name: str) -> None:
    given = environment(WORKLOADS[name])
    assert container(WORKLOADS[name])["args"][0] in commands()
    assert {each for each in given if each.startswith(PREFIX)} <= SETTINGS
    # A service's name would come as QUORATE_WEB_SERVICE_HOST, and be refused as no setting.
    assert pod(WORKLOADS[name])["enableServiceLinks"] is False
    plain = {each: value for each, value in given.items() if isinstance(value, str) and each in SETTINGS}
    load_settings(plain | {each: SECRETS[each] for each in given if isinstance(given[each], dict)})


SECRETS = {
    "QUORATE_DATABASE": "postgresql+asyncpg://quorate:invented@database.council.example/quorate",
    "QUORATE_SECRET": "a-key-for-tests-alone",
    "QUORATE_TOKEN": "a-token-for-tests-alone",
    "QUORATE_BROKER": "kafka://quorate:invented@kafka-1.council.example:9093",
    "QUORATE_SMTP": "smtp://quorate:invented@mail.council.example:465",
    "QUORATE_IMAP": "imaps://quorate:invented@mail.council.example:993/INBOX",
    "QUORATE_MESH": "mesh://X26HC001:invented@mesh.council.example",
    "QUORATE_MESH_KEY": "invented-for-tests",
}
WITH_MESH = {  # what goes with a mailbox on MESH
    "QUORATE_MESH_KEY": "invented-for-tests",
    "QUORATE_MESH_WORKFLOW": "RECORD",
    "QUORATE_MESH_CERTIFICATE": "/certificate.pem",
    "QUORATE_MESH_PRIVATE_KEY": "/key.pem",
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_secret_comes_from_the_secret_and_only_to_who_needs_it(name: str) -> None:
    given = {each: value for each, value in environment(WORKLOADS[name]).items() if each in SECRETS}
    assert all(value == {"secretKeyRef": {"name": "quorate-secrets", "key": each}} for each, value in given.items())
    process = name.rpartition("-")[2]
    needs = {
        "QUORATE_BROKER": {"worker", "topics"},
        "QUORATE_SMTP": {"mailer"},
        "QUORATE_IMAP": {"mailbox"},
        "QUORATE_MESH": {"mesh"},
        "QUORATE_MESH_KEY": {"mesh"},
        "QUORATE_TOKEN": {"web"},
    }
    assert given.keys() == {"QUORATE_DATABASE", "QUORATE_SECRET"} | {n for n, some in needs.items() if process in some}
    assert not set(MANIFESTS["ConfigMap/quorate-settings"]["data"]) & SECRETS.keys()


def test_the_form_for_secrets_asks_for_each_and_cannot_work_by_accident() -> None:
    form = MANIFESTS["Secret/quorate-secrets"]["stringData"]
    assert form.keys() == SECRETS.keys()
    for name in ("QUORATE_SECRET", "QUORATE_TOKEN"):
        with pytest.raises(WrongSettings, match=name):
            load_settings(SECRETS | WITH_MESH | {name: form[name]})
    for name in form.keys() - {"QUORATE_SECRET", "QUORATE_TOKEN", "QUORATE_MESH_KEY"}:
        load_settings(SECRETS | WITH_MESH | {name: form[name]})  # the form of it is right
        hosts = re.findall(r"[@,]([^:/,@]+)", form[name])
        assert hosts, name
        assert all(host.endswith(".example") for host in hosts)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_process_is_asked_whether_it_started_lives_and_is_ready(name: str) -> None:
    own = container(DEPLOYMENTS[name])
    asked = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    [port] = own["ports"]
    for probe, path in asked.items():
        assert own[probe]["httpGet"] == {"path": path, "port": port["name"]}
        assert own[probe]["timeoutSeconds"] > 2  # /readyz waits two seconds for the database
    listens = environment(DEPLOYMENTS[name])["QUORATE_LISTEN" if name.endswith("web") else "QUORATE_HEALTH_LISTEN"]
    assert listens == f"0.0.0.0:{port['containerPort']}"


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_one_of_a_process_is_always_there_and_has_time_to_end(name: str) -> None:
    deployment = DEPLOYMENTS[name]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["replicas"] >= 2
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    budgets = [
        each
        for each in MANIFESTS.values()
        if each["kind"] == "PodDisruptionBudget" and each["spec"]["selector"]["matchLabels"] == labels
    ]
    assert [each["spec"]["maxUnavailable"] for each in budgets] == [1]
    spread = pod(deployment)["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert all(each["labelSelector"]["matchLabels"] == labels for each in spread)
    waits = container(deployment).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod(deployment)["terminationGracePeriodSeconds"] >= waits + 15  # a process is gone within ten


def test_the_database_can_take_the_connections_of_all_processes_while_they_are_replaced() -> None:
    each = int(MANIFESTS["ConfigMap/quorate-settings"]["data"]["QUORATE_DATABASE_CONNECTIONS"]) + 1  # and the listener
    running = sum(
        deployment["spec"]["replicas"] + deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        for deployment in DEPLOYMENTS.values()
    )
    assert running * each <= 97  # what PostgreSQL takes where nobody sets it, without those kept for superusers


def test_no_more_workers_than_partitions_could_work() -> None:
    partitions = int(MANIFESTS["ConfigMap/quorate-settings"]["data"]["QUORATE_TOPIC_PARTITIONS"])
    assert DEPLOYMENTS["Deployment/quorate-worker"]["spec"]["replicas"] <= partitions


def policies(direction: str, workload: Manifest) -> Iterator[Manifest]:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    for each in MANIFESTS.values():
        if each["kind"] == "NetworkPolicy" and selected(each["spec"]["podSelector"], labels):
            assert direction in {"Ingress", "Egress"}
            yield from each["spec"].get(direction.lower(), ())


def test_nobody_may_speak_to_anybody_unless_it_is_said() -> None:
    everyone = MANIFESTS["NetworkPolicy/quorate-nobody"]["spec"]
    assert everyone == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_process_reaches_what_it_needs_and_nothing_else(name: str) -> None:
    ports = {each["port"] for rule in policies("Egress", WORKLOADS[name]) for each in rule["ports"]}
    given = environment(WORKLOADS[name])
    wanted = {53}
    wanted |= {9093} if "QUORATE_BROKER" in given else set()
    wanted |= {465} if "QUORATE_SMTP" in given else set()
    wanted |= {993} if "QUORATE_IMAP" in given else set()
    wanted |= {443} if "QUORATE_MESH" in given else set()
    wanted |= {5432} if not name.endswith("topics") else set()
    assert ports == wanted


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_process_is_reached_by_the_ingress_and_the_monitoring_alone(name: str) -> None:
    reached = {
        (source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])
        for rule in policies("Ingress", WORKLOADS[name])
        for source in rule["from"]
    }
    assert reached == ({"ingress", "monitoring"} if name.endswith("web") else {"monitoring"})


def test_no_address_is_one_that_exists() -> None:
    blocks = [
        ip_network(to["ipBlock"]["cidr"])
        for each in MANIFESTS.values()
        if each["kind"] == "NetworkPolicy"
        for rule in each["spec"].get("egress", ())
        for to in rule["to"]
        if "ipBlock" in to
    ]
    assert blocks
    assert all(any(block.subnet_of(example) for example in EXAMPLES) for block in blocks)  # type: ignore[arg-type]


def test_one_image_of_this_version_runs_everywhere() -> None:
    in_kubernetes = {container(each)["image"] for each in WORKLOADS.values()}
    assert in_kubernetes == {f"registry.council.example/quorate:{VERSION}"}
    assert {each["image"] for each in OWN.values()} == {f"localhost/quorate:{VERSION}"}
    assert set(OWN) == {*PROCESSES, "migrate", "topics", "catcher", "certificate"}


@pytest.mark.parametrize("name", OWN)
def test_a_composed_container_has_no_root_nothing_to_write_and_no_power(name: str) -> None:
    service = OWN[name]
    user, _, group = service["user"].partition(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all("size=" in each and "noexec" in each for each in service["tmpfs"])


@pytest.mark.parametrize("name", SERVICES)
def test_no_composed_container_gains_power_or_sees_this_machine(name: str) -> None:
    service = SERVICES[name]
    assert "privileged" not in service
    assert "ALL" in service["cap_drop"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("network_mode", "none") == "none"
    assert not {"pid", "ipc", "devices", "userns_mode"} & service.keys()
    mounted = [each.partition(":")[0] for each in service.get("volumes", ())]
    assert set(mounted) <= COMPOSE["volumes"].keys()
    assert all(each.startswith("127.0.0.1:") for each in service.get("ports", ()))


@pytest.mark.parametrize("name", ["migrate", "topics", *PROCESSES])
def test_a_composed_container_runs_a_command_there_is_with_settings_there_are(name: str) -> None:
    given = filled(OWN[name]["environment"])
    assert OWN[name]["command"][0] in commands()
    assert {each for each in given if each.startswith(PREFIX)} <= SETTINGS
    load_settings(given)


def filled(values: Mapping[str, str], made: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment as it is once its variables have values."""

    def value(match: re.Match[str]) -> str:
        name, may_be_left_out, default = match[1].partition(":-")
        given = (made or {}).get(name.partition(":?")[0])
        return given or (default if may_be_left_out else "invented-for-tests")

    return {name: re.sub(r"\$\{([^}]*)\}", value, text) for name, text in values.items()}


def test_no_secret_stands_in_the_composition() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|TOKEN|PASSWORD", name):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), name
            if "@" in value and "://" in value:
                assert re.search(r"://\w+:\$\{\w+:\?[^}]+\}@", value), name


def test_the_secrets_that_the_composition_asks_for_are_made_once_and_for_one_user(tmp_path: Path) -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    script, file = DEPLOY / "compose" / "secrets", tmp_path / "env"
    subprocess.run([script, file], check=True, capture_output=True)
    first = file.read_text()
    made = dict(line.split("=", 1) for line in first.splitlines() if not line.startswith("#"))
    assert asked <= made.keys()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all(len(made[name]) >= 43 for name in asked)
    assert len({made[name] for name in asked}) == len(asked)
    assert subprocess.run([script, file], check=False, capture_output=True).returncode == 1
    assert file.read_text() == first
    for name in PROCESSES:
        load_settings(filled(OWN[name]["environment"], made))


@pytest.mark.parametrize("name", PROCESSES)
def test_a_composed_process_waits_for_what_it_stands_on_and_says_whether_it_is_ready(name: str) -> None:
    service = OWN[name]
    stands_on = {"migrate": "service_completed_successfully", "postgres": "service_healthy"}
    if "QUORATE_BROKER" in service["environment"]:
        stands_on |= {"topics": "service_completed_successfully", "kafka": "service_healthy"}
    if "QUORATE_SMTP" in service["environment"]:
        stands_on |= {"catcher": "service_healthy"}
    assert {each: how["condition"] for each, how in service["depends_on"].items()} == stands_on
    assert "/readyz" in shlex.join(service["healthcheck"]["test"])
    for each in stands_on:
        assert ("healthcheck" in SERVICES[each]) == (stands_on[each] == "service_healthy")


def test_a_composed_process_is_on_no_network_that_it_does_not_need() -> None:
    found = {name: set(service.get("networks", ())) for name, service in SERVICES.items()}
    assert found == {
        "kafka": {"events"},
        "postgres": {"data"},
        "catcher": {"post"},
        "certificate": set(),
        "migrate": {"data"},
        "topics": {"events"},
        "worker": {"events", "data"},
        "mailer": {"data", "post"},
        "mailbox": {"data", "mailbox"},
        "mesh": {"data", "nhs"},
        "scheduler": {"data"},
        "web": {"data", "door"},
    }
    assert {name for name, each in COMPOSE["networks"].items() if not each.get("internal")} == {
        "door",
        "mailbox",
        "nhs",
    }


def test_who_takes_files_in_makes_them_or_shows_them_use_the_same_folder_and_nobody_else_has_it() -> None:
    for name, own in OWN.items():
        has = "documents:/var/lib/quorate" in own.get("volumes", ())
        assert has == ("QUORATE_DOCUMENTS" in own.get("environment", {})) == (name in WITH_DOCUMENTS)
        if has:
            assert own["environment"]["QUORATE_DOCUMENTS"] == "/var/lib/quorate/documents"
    for name in DEPLOYMENTS:
        own = container(DEPLOYMENTS[name])
        [folder] = [each["mountPath"] for each in own["volumeMounts"] if each["name"] == "documents"] or [None]
        assert environment(DEPLOYMENTS[name]).get("QUORATE_DOCUMENTS") == folder
    assert MANIFESTS["PersistentVolumeClaim/quorate-documents"]["spec"]["accessModes"] == ["ReadWriteMany"]


def test_mail_of_the_composition_is_caught_over_tls_and_has_no_way_out() -> None:
    mailer = OWN["mailer"]["environment"]
    assert mailer["QUORATE_SMTP"] == "smtp://catcher:1465?tls=required"
    assert [name for name, each in OWN.items() if "QUORATE_SMTP" in each.get("environment", {})] == ["mailer"]


def test_the_composition_runs_the_kafka_that_the_tests_run_on() -> None:
    found = re.search(r"<kafka\.version>([^<]+)<", (DEPLOY / "kafka" / "pom.xml").read_text(encoding="utf-8"))
    assert found is not None
    assert SERVICES["kafka"]["image"] == f"docker.io/apache/kafka:{found[1]}"


def test_the_image_is_made_from_what_it_needs_and_runs_as_nobody_special() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    build, final = re.split(r"^FROM \$\{BASE\}$", text, flags=re.MULTILINE)
    assert "--require-hashes" in build
    assert re.search(r"^RUN ", final, re.MULTILINE) is None
    assert re.search(r"^USER (\d+):\d+$", final, re.MULTILINE)
    copied = {each for line in re.findall(r"^COPY (?!--from)(.*) \S+$", build, re.MULTILINE) for each in line.split()}
    listed = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in listed
    assert {line.removeprefix("!") for line in listed if line.startswith("!")} == copied
