"""Every setting in one place: an environment variable `QUORATE_…`, or a line in the file that `QUORATE_CONFIG` names.

None is needed for the embedded default. The environment beats the file; an empty value is as good as none; a name that
is not a setting is refused, since it is a slip of the pen more often than not. `.env.example` lists them all, and a
test holds that file to this class.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.envelope import MAX_BYTES
from services.foundation.servers import HOST_AND_PORT, Broker, ImapMailbox, MeshMailbox, SmtpServer, is_loopback

PREFIX = "QUORATE_"
CONFIG = PREFIX + "CONFIG"
SHORTEST_SECRET = 12
_WORKFLOW = r"^[A-Za-z0-9_.:-]{1,50}$"


class WrongSettings(Exception):
    """The settings cannot be used; the message says which one, why, and what would be right."""


class Settings(BaseModel):
    """The settings as read once at start: `load_settings` reads them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(Path("var"), description="where state lives")
    database: str | None = Field(None, repr=False, description="SQLAlchemy URL; default SQLite under home")
    lock_timeout: float = Field(30.0, gt=0, le=600, description="seconds to wait for another process that writes")
    statement_timeout: float = Field(120.0, gt=0, le=3600, description="seconds that one query may take (PostgreSQL)")
    database_connections: int = Field(
        10, ge=2, le=100, description="connections that one process may open to PostgreSQL at once"
    )
    broker: str | None = Field(None, repr=False, description="Kafka brokers; unset: events come by file and over HTTP")
    group: str = Field("quorate", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="the consumer group of the workers")
    session_timeout: float = Field(
        10.0, ge=1, le=300, description="seconds after which the partitions of a worker that is gone go to others"
    )
    topic_prefix: str = Field(
        "quorate", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="what the names of the topics begin with"
    )
    topic_partitions: int = Field(
        8, ge=1, le=1000, description="partitions of each topic: how many workers can share the work; not to be changed"
    )
    topic_replication: int = Field(3, ge=1, le=9, description="brokers that keep a copy of each topic")
    topic_retention_days: int = Field(14, ge=1, le=3650, description="days that Kafka keeps events for")
    smtp: str | None = Field(None, repr=False, description="outgoing mail server; unset: the local catcher")
    listen: str = Field(
        "127.0.0.1:8080",
        description="host:port of the web and HTTP door; pages open on loopback only until sign-in exists",
    )
    health_listen: str | None = Field(
        None, description="host:port where a worker, mailer or scheduler answers /healthz, /readyz and /metrics"
    )
    public_url: str | None = Field(None, description="what links in messages begin with")
    secret: str | None = Field(
        None,
        min_length=SHORTEST_SECRET,
        repr=False,
        description="key for tokens; made and kept under home on the embedded default",
    )
    token: str | None = Field(
        None, min_length=SHORTEST_SECRET, repr=False, description="bearer token of the HTTP door; made likewise"
    )
    policy: Path | None = Field(None, description="the area's policy file over the national default")
    mail_domain: str = Field("quorate.example", description="domain of Message-IDs, UIDs and reply addresses")
    mail_from_name: str = Field(
        "Quorate meeting invitations", max_length=100, description="the name invitations come from"
    )
    smtp_connections: int = Field(8, ge=1, le=64, description="connections kept open to the mail server")
    smtp_timeout: float = Field(30.0, gt=0, le=600, description="seconds the mail server may take for one answer")
    smtp_per_domain: int = Field(
        4, ge=1, le=64, description="messages on their way to one recipient domain at once, on a real mail server"
    )
    imap: str | None = Field(None, repr=False, description="mailbox that answers come to; unset: none is read")
    lmtp_listen: str | None = Field(
        None,
        description="host:port where a mail server hands over what comes for the mail domain (LMTP); unset: nowhere",
    )
    mesh: str | None = Field(None, repr=False, description="our mailbox on MESH; unset: nothing goes or comes by MESH")
    mesh_key: str | None = Field(None, repr=False, description="the key that MESH gives to those who connect to it")
    mesh_certificate: Path | None = Field(None, description="our certificate for MESH (PEM)")
    mesh_private_key: Path | None = Field(None, repr=False, description="the private key of that certificate (PEM)")
    mesh_authorities: Path | None = Field(
        None, description="certificates of those whom to trust for the MESH server's (PEM); unset: the NHS's own"
    )
    mesh_workflow: str | None = Field(
        None, description="workflow id under which copies go by MESH; unset: none does", pattern=_WORKFLOW
    )
    mesh_answer_workflow: str | None = Field(
        None, description="workflow id under which it is answered by MESH that a copy is filed", pattern=_WORKFLOW
    )
    mesh_poll: float = Field(60.0, ge=1, le=3600, description="seconds between two looks into our mailbox on MESH")
    mesh_timeout: float = Field(60.0, gt=0, le=600, description="seconds the MESH server may take for one answer")
    documents: Path | None = Field(
        None,
        description="folder of files that came in and copies that go out; all processes share it; default under home",
    )
    max_mail_bytes: int = Field(
        52_428_800, ge=65_536, description="the largest message that is taken in over LMTP or SMTP, in bytes"
    )
    max_report_bytes: int = Field(
        15_728_640, ge=1024, description="the largest report that is taken on the answer page or by mail, in bytes"
    )
    max_reports: int = Field(10, ge=1, le=100, description="reports that one invitation may have")
    scan: str | None = Field(
        None, description="command that looks at a report, given its path: 0 is clean, 1 infected, any other undecided"
    )
    answer_days: int = Field(14, ge=0, le=90, description="days after a meeting for which its answer link still opens")
    max_event_bytes: int = Field(MAX_BYTES, ge=1024, le=MAX_BYTES, description="the largest event taken, in bytes")
    max_batch_bytes: int = Field(
        10_485_760, ge=1024, description="the largest batch of events in one request to the HTTP door, in bytes"
    )
    as_of: AwareDatetime | None = Field(
        None, description="behave as if it were this moment (RFC 3339 with offset): for rehearsals on the local catcher"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much is logged")

    @field_validator("database")
    @classmethod
    def _database_is_one_of_two(cls, value: str | None) -> str | None:
        if value is None or value.startswith("postgresql+asyncpg://"):
            return value
        beginning, _, path = value.partition("sqlite+aiosqlite:///")
        if not beginning and path and path != ":memory:":
            return value
        raise ValueError(
            "write postgresql+asyncpg://user:password@host/name, or sqlite+aiosqlite:////path/to/file for a file "
            "elsewhere than under QUORATE_HOME"
        )

    @field_validator("public_url")
    @classmethod
    def _links_can_be_followed(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
                raise ValueError("write what links begin with, for example https://meetings.council.example")
        return value

    @field_validator("mail_from_name")
    @classmethod
    def _name_is_one_line(cls, value: str) -> str:
        if not value.strip() or not value.isprintable():
            raise ValueError("write a name on one line, for example Leicester meeting invitations")
        return value

    @field_validator("broker")
    @classmethod
    def _broker_is_usable(cls, value: str | None) -> str | None:
        if value is not None:
            Broker(value)
        return value

    @field_validator("imap")
    @classmethod
    def _imap_is_usable(cls, value: str | None) -> str | None:
        if value is not None:
            ImapMailbox(value)
        return value

    @field_validator("mesh")
    @classmethod
    def _mesh_is_usable(cls, value: str | None) -> str | None:
        if value is not None:
            MeshMailbox(value)
        return value

    @field_validator("lmtp_listen")
    @classmethod
    def _handed_over_on_this_machine(cls, value: str | None) -> str | None:
        if value is not None and not is_loopback(value.rpartition(":")[0].strip("[]")):
            raise ValueError("LMTP knows no sign-in: listen on loopback, as in 127.0.0.1:2400")
        return value

    @field_validator("listen", "health_listen", "lmtp_listen")
    @classmethod
    def _can_be_listened_on(cls, value: str | None) -> str | None:
        if value is not None and (not HOST_AND_PORT.fullmatch(value) or int(value.rpartition(":")[2]) > 65535):
            raise ValueError("write host:port, for example 127.0.0.1:8080")
        return value

    @field_validator("smtp")
    @classmethod
    def _smtp_is_usable(cls, value: str | None) -> str | None:
        if value is not None:
            SmtpServer(value)
        return value

    @field_validator("mail_domain")
    @classmethod
    def _domain_is_plain(cls, value: str) -> str:
        labels = value.lower().split(".")
        if len(value) > 190 or not all(
            label and label.replace("-", "a").isalnum() and label.isascii() for label in labels
        ):
            raise ValueError("write a plain domain name, for example meetings.council.example")
        return value.lower()

    @model_validator(mode="after")
    def _secret_where_shared(self) -> Self:
        if self.database and not self.database.startswith("sqlite") and not self.secret:
            raise ValueError("QUORATE_SECRET must be set when the database is shared by several processes")
        return self

    @model_validator(mode="after")
    def _broker_needs_a_server(self) -> Self:
        if self.broker and (not self.database or self.database.startswith("sqlite")):
            raise ValueError(
                "QUORATE_BROKER needs QUORATE_DATABASE to name a PostgreSQL database: workers share it with the others"
            )
        return self

    @model_validator(mode="after")
    def _rehearsals_send_nothing(self) -> Self:
        if self.as_of and self.way_out:
            raise ValueError(f"QUORATE_AS_OF is for rehearsals: it is refused while {self.way_out}")
        if self.as_of and self.imap:
            raise ValueError("QUORATE_AS_OF is for rehearsals: they must not empty the mailbox that QUORATE_IMAP names")
        return self

    @model_validator(mode="after")
    def _mesh_has_a_mailbox(self) -> Self:
        """Where the database is shared, workers decide what goes by MESH, and another process has the mailbox."""
        wanting = (name for name, field in type(self).model_fields.items() if field.default is None)
        given = [name for name in wanting if name.startswith("mesh_") and getattr(self, name) is not None]
        if given and self.mesh is None and not self.shared:
            names = " and ".join(PREFIX + name.upper() for name in given)
            need = f"{names} need{'s' if len(given) == 1 else ''} QUORATE_MESH, our mailbox on MESH"
            raise ValueError(f"{need}: what is to go by MESH would wait for ever")
        return self

    @model_validator(mode="after")
    def _mesh_is_complete(self) -> Self:
        if self.mesh is None:
            return self
        missing = [name for name in ("mesh_key", "mesh_workflow") if not getattr(self, name)]
        if MeshMailbox(self.mesh).tls:
            missing += [name for name in ("mesh_certificate", "mesh_private_key") if getattr(self, name) is None]
        if missing:
            names = " and ".join(PREFIX + name.upper() for name in missing)
            raise ValueError(f"QUORATE_MESH names our mailbox on MESH: set {names} as well")
        return self

    @property
    def way_out(self) -> str | None:
        """By what messages really leave, in words; None where none does, and so the moment may be any."""
        if self.smtp is not None:
            return "QUORATE_SMTP names a real mail server"
        return "QUORATE_MESH names a real mailbox" if self.mesh is not None else None

    @property
    def shared(self) -> bool:
        """Whether the database is one that processes on other machines may use too."""
        return not self.database_url.startswith("sqlite")

    @cached_property
    def database_url(self) -> str:
        """The SQLAlchemy URL in use."""
        return self.database or f"sqlite+aiosqlite:///{(self.home / 'quorate.db').absolute()}"

    @cached_property
    def kafka(self) -> Broker | None:
        """The Kafka brokers, or None on the embedded default."""
        return Broker(self.broker) if self.broker else None

    @cached_property
    def smtp_server(self) -> SmtpServer | None:
        """The real mail server, or None where the local catcher stands in."""
        return SmtpServer(self.smtp) if self.smtp else None

    @cached_property
    def imap_mailbox(self) -> ImapMailbox | None:
        """The mailbox that answers come to, or None where none is read."""
        return ImapMailbox(self.imap) if self.imap else None

    @cached_property
    def mesh_mailbox(self) -> MeshMailbox | None:
        """Our mailbox on MESH, or None where nothing goes or comes by it."""
        return MeshMailbox(self.mesh) if self.mesh else None

    @cached_property
    def documents_folder(self) -> Path:
        """Where mail and reports that came in are kept."""
        return self.documents or self.home / "documents"

    @cached_property
    def links_begin_with(self) -> str:
        """What links in messages begin with, without a slash at the end."""
        return (self.public_url or f"http://{self.listen}").rstrip("/")

    @cached_property
    def links_can_be_opened(self) -> bool:
        """Whether links in messages lead to where their readers can open them, and over a line that is not open to all.
        Where no public address is set they lead to this machine, and stand in rehearsals alone.
        """
        if self.public_url is None:
            return self.smtp is None
        public = urlsplit(self.public_url)
        return public.scheme == "https" or is_loopback(public.hostname or "")

    @cached_property
    def key(self) -> bytes:
        """The key behind reply tokens."""
        return (self.secret or self._kept_under_home("secret")).encode()

    @cached_property
    def bearer_token(self) -> str:
        """The token of the HTTP door."""
        return self.token or self._kept_under_home("token")

    def make_home(self) -> Path:
        """The folder where state lives, made where it is missing: for this user alone, since it is about children."""
        with _can_be_kept(self.home):
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.home

    def _kept_under_home(self, name: str) -> str:
        """Read the value that an earlier start made, or make it now: readable by this user alone, once for all."""
        path = self.make_home() / name
        with _can_be_kept(path):
            if not path.exists():
                fresh = self.home / f".{name}.{secrets.token_hex(8)}"
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    file.write(secrets.token_urlsafe(32) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(fresh, path)  # fails where another process was first: then that one's value counts
                except FileExistsError:
                    pass
                finally:
                    fresh.unlink()
            kept = path.read_text().strip()
        if len(kept) < SHORTEST_SECRET:
            raise WrongSettings(
                f"{path} holds no key of {SHORTEST_SECRET} characters or more: take it away, or mend it"
            )
        return kept


@contextmanager
def _can_be_kept(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as trouble:
        raise WrongSettings(
            f"{path} cannot be made or read: {trouble.strerror}. Name a folder of this user's own in QUORATE_HOME"
        ) from None


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raises `WrongSettings` with one line for each setting that cannot be used."""
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
    places = dict.fromkeys(given, "")
    wrong: list[str] = []
    file = given.pop(CONFIG, None)
    if file is not None:
        for number, name, value in _lines(file, wrong):
            if value and name not in given:
                given[name], places[name] = value, f"{file}:{number}: "
    for name in given.keys() - _NAMES:
        wrong.append(f"{places[name]}{name} is not a setting: {_hint(name)}")
    try:
        settings = Settings.model_validate({_NAMES[name]: value for name, value in given.items() if name in _NAMES})
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            name = PREFIX + str(error["loc"][0]).upper() if error["loc"] else ""
            message = error["msg"].removeprefix("Value error, ")
            wrong.append(f"{places[name]}{name}: {message}" if name else message)
    if wrong:
        raise WrongSettings("\n".join(sorted(wrong)))
    return settings


_NAMES = {PREFIX + field.upper(): field for field in Settings.model_fields}


def _lines(file: str, wrong: list[str]) -> list[tuple[int, str, str]]:
    """The settings in a file, each with the number of its line; what is none goes to `wrong`."""
    try:
        text = Path(file).read_text("utf-8-sig")
    except OSError as trouble:
        raise WrongSettings(f"{CONFIG} names {file}, which cannot be read: {trouble.strerror}") from None
    except UnicodeDecodeError:
        raise WrongSettings(f"{CONFIG} names {file}, which is not text in UTF-8") from None
    found: dict[str, tuple[int, str, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.strip().partition("=")
        name, value = name.removeprefix("export ").strip(), value.strip()
        if (not name and not equals) or name.startswith("#"):
            continue
        if not equals:
            wrong.append(f"{file}:{number}: write NAME=value, or # before a remark")
        elif name in found:
            wrong.append(f"{file}:{number}: {name} stands in line {found[name][0]} already")
        else:
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            found[name] = (number, name, value[1:-1] if quoted else value)
    return list(found.values())


def _hint(name: str) -> str:
    if name == CONFIG:
        return "it names the file, and so cannot stand in it"
    near = get_close_matches(name if name.startswith(PREFIX) else PREFIX + name, _NAMES, 1, 0.75)
    return f"do you mean {near[0]}?" if near else "the file .env.example lists them all"
