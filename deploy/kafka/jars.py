"""Apache Kafka's jars: those of pom.xml, fetched by Maven, and held to jars.sha256.

Maven checks each file against the checksum that lies beside it in the repository (`--strict-checksums`): that tells a
damaged download. Whether they are the files that this project was tested with, only jars.sha256 tells; a jar that is
not in it, or differs, is never started. Maven itself and its plugin are taken on the repository's word.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
HASHES = HERE / "jars.sha256"
OLDEST_JAVA = 17
GET_JAVA = f"install Java {OLDEST_JAVA} or later (Debian: apt-get install default-jre-headless)"
GET_MAVEN = "install Maven (Debian: apt-get install maven)"


class CannotStart(Exception):
    """The broker cannot be started; the message says why and what to do."""


def kafka_version() -> str:
    """The version of Kafka that pom.xml names."""
    found = ElementTree.parse(POM).findtext("{*}properties/{*}kafka.version")  # noqa: S314  # a file of our own
    assert found is not None
    return found


def cache() -> Path:
    """Where the jars are kept, for every checkout of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "quorate" / f"kafka-{kafka_version()}"


def java() -> str:
    """The Java to run; raises `CannotStart` where there is none, or only one that is too old."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        where = f"JAVA_HOME is {home}, and there is no java in its bin/" if home else "Java is missing"
        raise CannotStart(f"{where}: {GET_JAVA}")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise CannotStart(f"{found} is {said.splitlines()[0] if said else 'not Java'}: {GET_JAVA}")
    return found


def maven() -> str:
    """The Maven to fetch with; raises `CannotStart` where there is none."""
    found = shutil.which("mvn")
    if found is None:
        raise CannotStart(f"Maven is missing: {GET_MAVEN}")
    return found


def fetch() -> list[Path]:
    """The jars, fetched where they are not in the cache yet; raises `CannotStart`."""
    folder = cache()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise CannotStart(f"{folder.parent} cannot be made: {trouble.strerror}") from None
    listed = _listed()
    with _alone(folder.parent / f"{folder.name}.lock"):
        if _faults(folder, listed):
            with _downloaded(folder.parent) as fresh:
                faults = _faults(fresh, listed)
                if faults:
                    raise CannotStart(
                        f"What Maven fetched is not what {HASHES.name} lists, and will not be started:\n"
                        + "\n".join(faults)
                    )
                shutil.rmtree(folder, ignore_errors=True)
                fresh.rename(folder)
    return [folder / name for name in listed]


def fetched() -> bool:
    """Whether the jars are in the cache, and are those of jars.sha256."""
    return not _faults(cache(), _listed())


def note_hashes() -> int:
    """Fetch the jars of pom.xml and write jars.sha256 anew; returns how many there are."""
    folder = cache()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _downloaded(folder.parent) as fresh:
        jars = sorted(fresh.glob("*.jar"))
        HASHES.write_text("".join(f"{_sha256(jar)}  {jar.name}\n" for jar in jars))
    return len(jars)


def _listed() -> dict[str, str]:
    """The name of each jar, with its hash."""
    pairs = (line.split() for line in HASHES.read_text().splitlines())
    return {name: digest for digest, name in pairs}


def _faults(folder: Path, listed: dict[str, str]) -> list[str]:
    """What is missing from a folder of jars, is not as listed, or is not listed."""
    there = {jar.name: _sha256(jar) for jar in folder.glob("*.jar")}
    return [
        f"{name}: {there.get(name, 'is missing')}, listed as {listed.get(name, 'nothing')}"
        for name in sorted(there.keys() | listed.keys())
        if there.get(name) != listed.get(name)
    ]


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def _downloaded(beside: Path) -> Iterator[Path]:
    """A folder with the jars as Maven fetched them just now; gone afterwards unless it was moved."""
    java()
    fresh = Path(tempfile.mkdtemp(prefix="fetching-", dir=beside))
    command = [
        *(maven(), "--quiet", "--batch-mode", "--strict-checksums", "-Dstyle.color=never", "--file", str(POM)),
        *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"),
    ]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise CannotStart(f"Maven could not fetch Kafka {kafka_version()}:\n{done.stdout.strip()[-2000:]}")
        fresh.chmod(0o755)
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One fetches, the others wait and find the work done."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
