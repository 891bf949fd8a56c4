"""A real mailbox: dovecot with a configuration, a user and ports of its own, for tests to start, stop and kill."""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imapclient import IMAPClient

DOVECOT = Path("/usr/sbin/dovecot")
PARTS = (DOVECOT, Path("/usr/lib/dovecot/imap"), Path("/usr/lib/dovecot/lmtp"))
USER, PASSWORD = "quorate", "a-password-for-tests-alone"

CONFIGURATION = """
base_dir = {run}
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = {ssl}
{certificate}
disable_plaintext_auth = no
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
default_client_limit = 400
default_process_limit = 20
mail_location = maildir:{run}/mail/box
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
last_valid_uid = 0
first_valid_gid = 0
imap_capability = {capability}
mail_max_userip_connections = 100
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = user={user} uid={uid} gid={gid} home={run}/home allow_all_users=yes
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = {imaps_on}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
auth_failure_delay = 0
recipient_delimiter = +
lda_mailbox_autocreate = yes
postmaster_address = postmaster@quorate.example
hostname = mail.quorate.example
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


def missing() -> tuple[bool, str]:
    """Whether dovecot is here, and how to get it."""
    return all(part.exists() for part in PARTS), "apt-get install dovecot-imapd dovecot-lmtpd"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Dovecot:
    """One server with the mailbox of one user. `capability` is what it says that it can; empty: all that it can."""

    def __init__(self, folder: Path, *, capability: str = "", certificate: tuple[Path, Path] | None = None) -> None:
        self.folder = folder
        self.imap, self.imaps, self.lmtp = free_ports(3)
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "state").mkdir(parents=True, exist_ok=True)
        # Where whoever logs in is somebody else, who must find the sockets; and their names must be short.
        self.run = Path(tempfile.mkdtemp(prefix="quorate-dovecot-"))
        self.run.chmod(0o755)
        me = getpass.getuser()
        as_root = os.getuid() == 0  # then dovecot wants three users more, and none of them may be root
        internal, login, owner = ("dovecot", "dovenull", "nobody") if as_root else (me, me, me)
        self.owner = of_owner = pwd.getpwnam(owner)
        for name in ("mail", "home"):
            (self.run / name).mkdir()
            os.chown(self.run / name, of_owner.pw_uid, of_owner.pw_gid)
        keys = f"ssl_cert = <{certificate[0]}\nssl_key = <{certificate[1]}" if certificate else ""
        self.configuration = folder / "dovecot.conf"
        self.configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                run=self.run,
                internal=internal,
                login=login,
                group=grp.getgrgid(pwd.getpwnam(internal).pw_gid).gr_name,
                uid=of_owner.pw_uid,
                gid=of_owner.pw_gid,
                capability=capability,
                user=USER,
                password=PASSWORD,
                imap=self.imap,
                imaps=self.imaps if certificate else 0,
                imaps_on="yes" if certificate else "no",
                lmtp=self.lmtp,
                ssl="yes" if certificate else "no",
                certificate=keys,
            )
        )

    @property
    def url(self) -> str:
        """The mailbox as QUORATE_IMAP has it."""
        return f"imap://{USER}:{PASSWORD}@127.0.0.1:{self.imap}/INBOX"

    def start(self) -> None:
        """Start it, and wait until it lets somebody in."""
        self.process = subprocess.Popen(
            (str(DOVECOT), "-F", "-c", str(self.configuration)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                with self.client():
                    return
            except (OSError, IMAPClient.Error) as wrong:
                log = self.folder / "log"
                said = log.read_text()[-2000:] if log.exists() else ""
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError(f"dovecot does not start: {said}") from wrong
                time.sleep(0.05)

    def kill(self) -> None:
        """End it and everything it has started, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            (self.run / "master.pid").unlink(missing_ok=True)

    @contextmanager
    def client(self) -> Iterator[IMAPClient]:
        """A connection of the mailbox's owner."""
        client = IMAPClient("127.0.0.1", self.imap, ssl=False, timeout=20)
        try:
            client.login(USER, PASSWORD)
            yield client
        finally:
            client.shutdown()

    def put(self, *messages: bytes, folder: str = "INBOX") -> None:
        """Put messages into a folder."""
        with self.client() as client:
            for each in messages:
                client.append(folder, each)

    def drop_in(self, messages: Iterable[bytes]) -> int:
        """Put many messages into the mailbox at once, as files; returns how many."""
        folder = self.run / "mail" / "box" / "new"
        self.count("INBOX")  # makes it
        number = 0
        for number, each in enumerate(messages, 1):
            name = f"{number}.dropped-{os.getpid()}.tests"
            fresh = folder.parent / "tmp" / name
            fresh.write_bytes(each)
            if os.getuid() == 0:
                os.chown(fresh, self.owner.pw_uid, self.owner.pw_gid)
            fresh.rename(folder / name)
        return number

    def deliver(self, recipient: str, *messages: bytes) -> None:
        """Have dovecot's own LMTP put messages into the mailbox."""
        with smtplib.LMTP("127.0.0.1", self.lmtp) as lmtp:
            for each in messages:
                lmtp.sendmail("sender@agencies.gov.example", [recipient], each)

    def count(self, folder: str) -> int:
        """How many messages a folder has; 0 where there is none."""
        with self.client() as client:
            if not client.folder_exists(folder):
                return 0
            return int(client.select_folder(folder, readonly=True)[b"EXISTS"])


@contextmanager
def running_dovecot(folder: Path, **options: object) -> Iterator[Dovecot]:
    """A server, gone at the end of the block."""
    server = Dovecot(folder, **options)  # type: ignore[arg-type]  # as it takes them
    server.start()
    try:
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.run, ignore_errors=True)


def mail(
    number: int, *, to: str = "meetings@quorate.example", body: str = "Thank you.", more: Iterable[str] = ()
) -> bytes:
    """An invented message in words; each number is another one."""
    head = [
        "From: Alex Example <alex@agencies.gov.example>",
        f"To: {to}",
        f"Subject: Message {number}",
        "Date: Mon, 02 Mar 2026 09:30:00 +0000",
        f"Message-ID: <message-{number}@agencies.gov.example>",
        *more,
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body + "\r\n").encode()
