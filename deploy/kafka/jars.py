"""Java programs as jars: those of a pom.xml, fetched by Maven, and held to the jars.sha256 beside it.

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
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
OLDEST_JAVA = 17
GET_JAVA = f"install Java {OLDEST_JAVA} or later (Debian: apt-get install default-jre-headless)"
GET_MAVEN = "install Maven (Debian: apt-get install maven)"


class CannotStart(Exception):
    """A program cannot be started; the message says why and what to do."""


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


@dataclass(frozen=True, slots=True)
class Jars:
    """The jars of one program: `folder` holds its pom.xml, with a property `<name>.version`, and its jars.sha256."""

    folder: Path
    name: str

    @property
    def pom(self) -> Path:
        return self.folder / "pom.xml"

    @property
    def hashes(self) -> Path:
        return self.folder / "jars.sha256"

    def version(self) -> str:
        """The version of the program that pom.xml names."""
        root = ElementTree.parse(self.pom)  # noqa: S314  # a file of our own
        found = root.findtext(f"{{*}}properties/{{*}}{self.name}.version")
        assert found is not None
        return found

    def cache(self) -> Path:
        """Where the jars are kept, for every checkout of this user."""
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base) / "quorate" / f"{self.name}-{self.version()}"

    def fetch(self) -> list[Path]:
        """The jars, fetched where they are not in the cache yet; raises `CannotStart`."""
        folder = self.cache()
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as trouble:
            raise CannotStart(f"{folder.parent} cannot be made: {trouble.strerror}") from None
        listed = self._listed()
        with _alone(folder.parent / f"{folder.name}.lock"):
            if _faults(folder, listed):
                with self._downloaded(folder.parent) as fresh:
                    faults = _faults(fresh, listed)
                    if faults:
                        raise CannotStart(
                            f"What Maven fetched is not what {self.hashes.name} lists, and will not be started:\n"
                            + "\n".join(faults)
                        )
                    shutil.rmtree(folder, ignore_errors=True)
                    fresh.rename(folder)
        return [folder / name for name in listed]

    def fetched(self) -> bool:
        """Whether the jars are in the cache, and are those of jars.sha256."""
        return not _faults(self.cache(), self._listed())

    def note_hashes(self) -> int:
        """Fetch the jars of pom.xml and write jars.sha256 anew; returns how many there are."""
        folder = self.cache()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with self._downloaded(folder.parent) as fresh:
            jars = sorted(fresh.glob("*.jar"))
            self.hashes.write_text("".join(f"{_sha256(jar)}  {jar.name}\n" for jar in jars))
        return len(jars)

    def missing(self) -> tuple[bool, str]:
        """Whether all that the program needs is here, and how to get what is not."""
        try:
            java()
            if not self.fetched():
                maven()
        except CannotStart as wrong:
            return False, str(wrong)
        return True, ""

    def _listed(self) -> dict[str, str]:
        """The name of each jar, with its hash."""
        pairs = (line.split() for line in self.hashes.read_text().splitlines())
        return {name: digest for digest, name in pairs}

    @contextmanager
    def _downloaded(self, beside: Path) -> Iterator[Path]:
        """A folder with the jars as Maven fetched them just now; gone afterwards unless it was moved."""
        java()
        fresh = Path(tempfile.mkdtemp(prefix="fetching-", dir=beside))
        command = [
            *(maven(), "--quiet", "--batch-mode", "--strict-checksums", "-Dstyle.color=never", "--file", str(self.pom)),
            *("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"),
        ]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode:
                program = f"{self.name.capitalize()} {self.version()}"
                raise CannotStart(f"Maven could not fetch {program}:\n{done.stdout.strip()[-2000:]}")
            fresh.chmod(0o755)
            yield fresh
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


KAFKA = Jars(HERE, "kafka")


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
def _alone(path: Path) -> Iterator[None]:
    """One fetches, the others wait and find the work done."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
