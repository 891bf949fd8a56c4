"""Kafka as a real process on loopback, for tests."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.kafka.broker import Broker, free_port

__all__ = ["Broker", "Secure", "own_names", "running_broker", "running_secure_broker"]

_numbers = itertools.count(1)


@contextmanager
def running_broker() -> Iterator[Broker]:
    """A broker of one's own, on a free port, with its data in a temporary folder; gone at the end.

    A test may `stop` it, `kill` it, and `start` it again: it keeps its port and its data.
    """
    with tempfile.TemporaryDirectory(prefix="quorate-kafka-") as folder:
        broker = Broker(Path(folder) / "kafka", free_port())
        broker.start()
        try:
            yield broker
        finally:
            broker.kill()


@dataclass(frozen=True, slots=True)
class Secure:
    """A broker that takes nobody without TLS and a password, and the ports on which something of that is amiss.

    `authority` is the file of who vouches for its certificates.
    """

    USER, PASSWORD = "quorate", "p@ss/w:rd%for#tests"

    authority: Path
    sound: int
    of_another_host: int
    expired: int
    without_password: int  # TLS alone
    plain: int  # neither


@contextmanager
def running_secure_broker() -> Iterator[Secure]:
    """A broker for tests of TLS and passwords; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="quorate-kafka-") as folder:
        files = Path(folder)
        names = ("plain", "sound", "of_another_host", "expired", "without_password")
        ports: dict[str, int] = {}
        for name in ("controller", *names):
            ports[name] = free_port(*ports.values())
        controller, plain = (f"127.0.0.1:{ports[name]}" for name in ("controller", "plain"))
        authority = Authority(files / "authority")
        keys = {
            "sound": authority.vouch("sound", "IP:127.0.0.1"),
            "of_another_host": authority.vouch("of_another_host", "DNS:kafka.elsewhere.example"),
            "expired": authority.vouch(
                "expired", "IP:127.0.0.1", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"
            ),
        }
        keys["without_password"] = keys["sound"]
        secured = [name for name in names if name != "plain"]
        own = ",".join(f"{name.upper()}://127.0.0.1:{ports[name]}" for name in secured)
        kinds = {name: "SASL_SSL" if name != "without_password" else "SSL" for name in secured}
        more = [
            f"controller.quorum.bootstrap.servers={controller}",
            f"listeners=PLAINTEXT://{plain},CONTROLLER://{controller},{own}",
            f"advertised.listeners=PLAINTEXT://{plain},{own}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            + ",".join(f"{name.upper()}:{kind}" for name, kind in kinds.items()),
            "sasl.enabled.mechanisms=SCRAM-SHA-512",
        ]
        for name in secured:
            of = f"listener.name.{name}"
            more += [f"{of}.ssl.keystore.type=PEM", f"{of}.ssl.keystore.location={keys[name]}"]
            if kinds[name] == "SASL_SSL":
                module = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
                more.append(f"{of}.scram-sha-512.sasl.jaas.config={module}")
        broker = Broker(files / "kafka", ports["plain"], more=more, users={Secure.USER: Secure.PASSWORD})
        broker.start()
        try:
            yield Secure(authority.certificate, **{name: ports[name] for name in names})
        finally:
            broker.kill()


class Authority:
    """Who vouches for certificates: made by openssl, known to nobody who is not given its file."""

    CONFIGURATION = """
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
rand_serial = yes
[any]
commonName = supplied
"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "configuration").write_text(self.CONFIGURATION)
        (folder / "index.txt").touch()
        self.certificate = folder / "authority.pem"
        self._openssl(f"req -x509 -days 2 -subj /CN=authority.example {self._new_key('authority')} -out authority.pem")

    def vouch(self, name: str, host: str, *dates: str) -> Path:
        """A file with a key and a certificate for this host, valid for two days from now unless dates are given."""
        subject = f"-subj /CN={name}.example -addext subjectAltName={host}"
        self._openssl(f"req -new {subject} {self._new_key(name)} -out {name}.csr")
        known = "-config configuration -batch -notext -cert authority.pem -keyfile authority.key"
        self._openssl(f"ca {known} -in {name}.csr -out {name}.pem {' '.join(dates or ('-days', '2'))}")
        both = self.folder / f"{name}-both.pem"
        both.write_text("".join((self.folder / f"{name}.{kind}").read_text() for kind in ("key", "pem")))
        return both

    @staticmethod
    def _new_key(name: str) -> str:
        return f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key"

    def _openssl(self, arguments: str) -> None:
        subprocess.run(["openssl", *arguments.split()], cwd=self.folder, check=True, capture_output=True)


def own_names() -> dict[str, str]:
    """Settings that give a test topics and a consumer group of its own on a broker that it shares."""
    number = next(_numbers)
    return {"topic_prefix": f"test-{number}", "group": f"test-{number}"}
