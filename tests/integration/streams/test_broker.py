"""`make kafka`: one broker on this machine, held to its jars."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from deploy.kafka.broker import Broker, answers, free_port
from deploy.kafka.jars import GET_MAVEN, KAFKA

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[3]
COMMAND = (sys.executable, "-m", "deploy.kafka.broker")


@pytest.fixture(autouse=True)
def needed(require: Callable[[str, bool, str], None]) -> None:
    require("a Kafka broker", *KAFKA.missing())


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*COMMAND, *arguments),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def running(data: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`make kafka`, once it says that it listens, and what it said."""
    command = (*COMMAND, "--data", str(data), "--port", str(port))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = []
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.startswith("Stop"):
                break
        try:
            yield process, "".join(said)
        finally:
            if process.poll() is None:
                process.terminate()


def topics(port: int) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
    try:
        return set(admin.list_topics())
    finally:
        admin.close()


@pytest.mark.slow
def test_it_says_where_it_listens_stops_when_told_and_goes_on_from_what_it_held(tmp_path: Path) -> None:
    port = free_port()
    for number in (signal.SIGTERM, signal.SIGINT):
        with running(tmp_path / "kafka", port) as (process, said):
            assert f"QUORATE_BROKER=kafka://127.0.0.1:{port} QUORATE_TOPIC_REPLICATION=1" in said
            assert f"kill {process.pid}" in said
            if number == signal.SIGTERM:
                admin = KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
                admin.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}})
                admin.close()
            else:
                assert "kept" in topics(port)
            process.send_signal(number)
            rest, _ = process.communicate(timeout=60)
            assert process.returncode == 0, rest
            assert f"what it held is kept in {tmp_path}" in rest
        assert not answers(f"127.0.0.1:{port}")


def test_what_it_holds_is_for_this_user_alone(broker: Broker) -> None:
    for path in (broker.data, broker.data / "log", broker.data / "log" / "meta.properties"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_second_one_on_the_same_data_is_refused_and_leaves_the_first_alone(broker: Broker) -> None:
    done = run("--data", str(broker.data), "--port", str(free_port()))
    assert broker.process is not None
    assert done.returncode == 1
    assert f"Kafka already runs on {broker.data} (process {broker.process.pid}): stop that one first" in done.stderr
    assert answers(broker.address)


@pytest.mark.slow
def test_the_data_is_held_for_as_long_as_kafka_runs_even_if_who_started_it_is_gone(tmp_path: Path) -> None:
    data = tmp_path / "kafka"
    with running(data, free_port()) as (process, _):
        process.kill()
        process.wait()
    done = run("--data", str(data), "--port", str(free_port()))
    found = re.search(r"already runs on .* \(process (\d+)\)", done.stderr)
    assert found is not None, done.stderr
    os.kill(int(found[1]), signal.SIGKILL)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("--data", str(tmp_path / "kafka"), "--port", str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port} is in use by another program" in done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "kafka"])
def test_a_port_that_is_none_is_wrong_use(port: str) -> None:
    assert run("--port", port).returncode == 2


@pytest.mark.slow
def test_a_broker_that_was_killed_comes_back_with_what_it_held(own_broker: Broker) -> None:
    admin = KafkaAdminClient(bootstrap_servers=own_broker.address)
    admin.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}})
    admin.close()
    own_broker.kill()
    assert not answers(own_broker.address)
    own_broker.start()
    assert "kept" in topics(own_broker.port)


@pytest.mark.parametrize(
    ("there", "said"), [((), "Java is missing: install Java 17 or later"), (("java",), "Maven is missing: install")]
)
def test_what_is_missing_is_named_with_how_to_get_it(tmp_path: Path, there: tuple[str, ...], said: str) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in there:
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    done = run("--data", str(tmp_path / "kafka"), PATH=str(programs), JAVA_HOME="", XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 1
    assert said in done.stderr


def test_an_older_java_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    done = run("--data", str(tmp_path / "kafka"), JAVA_HOME=str(tmp_path))
    assert done.returncode == 1
    assert 'is openjdk version "11.0.2" 2019-01-15: install Java 17 or later' in done.stderr


def test_a_jar_that_is_not_the_one_listed_is_fetched_anew_and_never_started(tmp_path: Path) -> None:
    KAFKA.fetch()
    cached = tmp_path / "quorate" / KAFKA.cache().name
    shutil.copytree(KAFKA.cache(), cached)
    altered = next(cached.glob("kafka-clients-*.jar"))
    altered.write_bytes(altered.read_bytes() + b" ")
    programs = tmp_path / "bin"
    programs.mkdir()
    # A repository that hands out another file under the name.
    copying = f'for last; do :; done\ncp "{cached}"/*.jar "${{last#-DoutputDirectory=}}"\n'
    (programs / "mvn").write_text(f"#!/bin/sh\n{copying}")
    (programs / "mvn").chmod(0o755)
    done = run("--data", str(tmp_path / "kafka"), XDG_CACHE_HOME=str(tmp_path), PATH=f"{programs}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "What Maven fetched is not what jars.sha256 lists, and will not be started" in done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()[1:]] == [altered.name]
    assert not list((tmp_path / "quorate").glob("fetching-*"))


def test_a_cache_that_was_damaged_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Callable[[str, bool, str], None]
) -> None:
    require("Maven", shutil.which("mvn") is not None, GET_MAVEN)
    KAFKA.fetch()
    whole = KAFKA.cache()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copytree(whole, KAFKA.cache())
    next(KAFKA.cache().glob("scala-library-*.jar")).unlink()
    assert not KAFKA.fetched()
    assert all(jar.is_file() for jar in KAFKA.fetch())
    assert KAFKA.fetched()
