from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.foundation.servers import Broker, SmtpServer
from services.foundation.settings import Settings, WrongSettings, load_settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"


def complaint(environment: dict[str, str]) -> str:
    with pytest.raises(WrongSettings) as caught:
        load_settings(environment)
    return str(caught.value)


def examples() -> dict[str, str]:
    lines = EXAMPLE.read_text().splitlines()
    return dict(line.removeprefix("#").split("=", 1) for line in lines if line.startswith("#QUORATE_"))


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings({"PATH": "/usr/bin", "HOME": "/home/pat"})
    assert settings == Settings()
    assert settings.database_url == f"sqlite+aiosqlite:///{Path('var/quorate.db').absolute()}"
    assert settings.smtp_server is None
    assert settings.links_begin_with == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("given", "can_be"),
    [
        ({}, True),
        ({"SMTP": "smtp://mail.example:25"}, False),
        ({"PUBLIC_URL": "https://a.example"}, True),
        ({"PUBLIC_URL": "http://a.example"}, False),
        ({"SMTP": "smtp://mail.example:25", "PUBLIC_URL": "https://a.example"}, True),
        ({"SMTP": "smtp://mail.example:25", "PUBLIC_URL": "http://a.example"}, False),
        ({"SMTP": "smtp://mail.example:25", "PUBLIC_URL": "http://localhost:8080"}, True),
    ],
)
def test_a_link_is_for_its_reader_alone_and_leads_to_where_they_can_open_it(
    given: dict[str, str], can_be: bool
) -> None:
    settings = load_settings({f"QUORATE_{name}": value for name, value in given.items()})
    assert settings.links_can_be_opened is can_be


def test_the_example_file_lists_every_setting_and_no_other() -> None:
    assert examples().keys() == {"QUORATE_CONFIG", *(f"QUORATE_{field.upper()}" for field in Settings.model_fields)}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_what_the_example_file_shows_is_the_default_or_can_be_used(name: str) -> None:
    shown = {f"QUORATE_{name.upper()}": examples()[f"QUORATE_{name.upper()}"]}
    if Settings.model_fields[name].default is not None:
        assert getattr(load_settings(shown), name) == Settings.model_fields[name].default
    else:
        needed = {
            "QUORATE_SECRET": "a-key-for-tests-alone",
            **({"QUORATE_DATABASE": "postgresql+asyncpg://db.example/quorate"} if name == "broker" else {}),
            **({each: value for each, value in examples().items() if "MESH" in each} if "mesh" in name else {}),
        }
        assert getattr(load_settings(needed | shown), name) is not None


def test_a_mailbox_on_mesh_needs_what_goes_with_it() -> None:
    given = {name: value for name, value in examples().items() if name.startswith("QUORATE_MESH")}
    mailbox = load_settings(given).mesh_mailbox
    assert mailbox is not None
    assert (mailbox.url, mailbox.mailbox) == ("https://mesh-sync.spineservices.nhs.uk", "X26HC001")
    for name in ("QUORATE_MESH_KEY", "QUORATE_MESH_WORKFLOW", "QUORATE_MESH_CERTIFICATE", "QUORATE_MESH_PRIVATE_KEY"):
        assert f"set {name} as well" in complaint({each: value for each, value in given.items() if each != name})
    assert "rehearsals" in complaint(given | {"QUORATE_AS_OF": "2026-11-20T09:00:00+00:00"})


@pytest.mark.parametrize("name", sorted(name for name in examples() if name.startswith("QUORATE_MESH_")))
def test_what_goes_with_a_mailbox_on_mesh_needs_it_where_one_process_does_all(name: str) -> None:
    alone = {name: examples()[name]}
    if name in {"QUORATE_MESH_POLL", "QUORATE_MESH_TIMEOUT"}:
        assert load_settings(alone) == Settings()
        return
    assert f"{name} needs QUORATE_MESH" in complaint(alone)
    shared = {"QUORATE_DATABASE": "postgresql+asyncpg://db.example/q", "QUORATE_SECRET": "a-key-for-tests-alone"}
    assert load_settings(alone | shared).mesh is None, "workers have no mailbox"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mesh://BOX:p@mesh.example?tls=none", "only for a server on loopback"),
        ("https://BOX:p@mesh.example", "write mesh://"),
        ("mesh://BOX@mesh.example", "write mesh://"),
        ("mesh://BOX:p@mesh.example/inbox", "write mesh://"),
        ("mesh://BOX:p@mesh.example?verify=no", "write mesh://"),
    ],
)
def test_a_mailbox_on_mesh_is_spoken_to_over_tls_but_on_this_machine(url: str, said: str) -> None:
    assert said in complaint({"QUORATE_MESH": url, "QUORATE_MESH_KEY": "k", "QUORATE_MESH_WORKFLOW": "W"})


def test_neither_password_nor_key_of_mesh_shows_in_what_is_printed_of_settings() -> None:
    settings = Settings(mesh="mesh://BOX:pass-word@127.0.0.1:1?tls=none", mesh_key="shared-key", mesh_workflow="W")
    assert "pass-word" not in repr(settings)
    assert "shared-key" not in repr(settings)


def test_a_broker_needs_a_database_that_several_processes_share() -> None:
    with pytest.raises(WrongSettings, match="QUORATE_BROKER needs QUORATE_DATABASE to name a PostgreSQL database"):
        load_settings({"QUORATE_BROKER": "kafka://localhost:9092"})


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("kafka://localhost:9092", "none"),
        ("kafka://127.0.0.1:9092,[::1]:9093", "none"),
        ("kafka://127.0.0.1:9092?tls=required", "required"),
        ("kafka://kafka.council.example:9092", "required"),
        ("kafka://localhost:9092,kafka.council.example:9092", "required"),
        ("kafka://kafka:9092?tls=none", "none"),
    ],
)
def test_brokers_beyond_this_machine_are_spoken_to_over_tls_unless_said_otherwise(url: str, tls: str) -> None:
    assert Broker(url).tls == tls


def test_a_broker_may_be_signed_in_to() -> None:
    broker = Broker("kafka://quorate:p%40ss@kafka-1.example:9092,kafka-2.example:9092")
    assert (broker.user, broker.password) == ("quorate", "p@ss")
    assert broker.servers == ["kafka-1.example:9092", "kafka-2.example:9092"]


def test_every_setting_says_what_it_is_for() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_the_environment_beats_the_file_and_an_empty_value_is_none(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text(
        "# The area's own.\n\n"
        "QUORATE_MAIL_DOMAIN=meetings.council.example\n"
        'export QUORATE_MAIL_FROM_NAME = "Meetings = invitations"\n'
        "QUORATE_LOG_LEVEL=debug\r\n"
        "QUORATE_SMTP_CONNECTIONS=2\n"
        "QUORATE_POLICY=\n"
    )
    settings = load_settings(
        {"QUORATE_CONFIG": str(file), "QUORATE_SMTP_CONNECTIONS": "3", "QUORATE_LOG_LEVEL": "", "QUORATE_SMTP": ""}
    )
    assert settings.mail_domain == "meetings.council.example"
    assert settings.mail_from_name == "Meetings = invitations"
    assert settings.log_level == "debug"
    assert settings.smtp_connections == 3
    assert (settings.smtp, settings.policy) == (None, None)


def test_a_name_that_is_no_setting_is_refused_with_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("QUORATE_POLICE=area.toml\nSMTP=smtp://mail.example:465\n")
    assert complaint({"QUORATE_SMPT": "x", "QUORATE_COLOUR": "green", "QUORATE_CONFIG": str(file)}).splitlines() == [
        f"{file}:1: QUORATE_POLICE is not a setting: do you mean QUORATE_POLICY?",
        f"{file}:2: SMTP is not a setting: do you mean QUORATE_SMTP?",
        "QUORATE_COLOUR is not a setting: the file .env.example lists them all",
        "QUORATE_SMPT is not a setting: do you mean QUORATE_SMTP?",
    ]


def test_each_setting_that_cannot_be_used_has_a_line_that_names_it_and_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("QUORATE_SMTP_CONNECTIONS=many\nnonsense\nQUORATE_SMTP_CONNECTIONS=3\nQUORATE_CONFIG=other\n")
    lines = complaint({"QUORATE_CONFIG": str(file), "QUORATE_LISTEN": "everywhere"}).splitlines()
    assert [line.removeprefix(str(file))[:45] for line in lines] == [
        ":1: QUORATE_SMTP_CONNECTIONS: Input should be",
        ":2: write NAME=value, or # before a remark",
        ":3: QUORATE_SMTP_CONNECTIONS stands in line 1",
        ":4: QUORATE_CONFIG is not a setting: it names",
        "QUORATE_LISTEN: write host:port, for example ",
    ]


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("BROKER", "localhost:9092", "write kafka://[user:password@]host:port"),
        ("BROKER", "kafka://localhost", "write kafka://[user:password@]host:port"),
        ("HEALTH_LISTEN", "8081", "write host:port"),
        ("LISTEN", "127.0.0.1:65536", "127.0.0.1:8080"),
        ("LISTEN", "127.0.0.1:²", "127.0.0.1:8080"),
        ("SMTP", "mail.example:25", "smtp://[user:password@]host:port?tls=required|starttls|none"),
        ("SMTP", "smtp://mail.example:25?tsl=none", "smtp://[user:password@]host:port?tls=required|starttls|none"),
        ("SMTP", "smtp://mail.example:25?tls=no", "use required, starttls or none"),
        ("SMTP", "smtp://mail.example:25?tls=none", "only for a server on loopback"),
        ("DATABASE", "postgresql://quorate@host/name", "postgresql+asyncpg://user:password@host/name"),
        ("DATABASE", "sqlite+aiosqlite://", "sqlite+aiosqlite:////path/to/file"),
        ("DATABASE", "sqlite+aiosqlite:///:memory:", "sqlite+aiosqlite:////path/to/file"),
        ("DATABASE", "quorate.db", "sqlite+aiosqlite:////path/to/file"),
        ("PUBLIC_URL", "meetings.council.example", "https://meetings.council.example"),
        ("MAIL_DOMAIN", "a domain", "meetings.council.example"),
        ("MAIL_FROM_NAME", "Two\nlines", "on one line"),
        ("SECRET", "short", "at least 12 characters"),
        ("TOKEN", "short", "at least 12 characters"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("SMTP_CONNECTIONS", "0", "greater than or equal to 1"),
        ("AS_OF", "2026-11-20T09:00:00", "timezone"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_would_be_right(name: str, value: str, right: str) -> None:
    said = complaint({f"QUORATE_{name}": value, **({} if name == "SECRET" else {"QUORATE_SECRET": "a" * 12})})
    assert said.startswith(f"QUORATE_{name}: ")
    assert right in said
    assert len(said.splitlines()) == 1


def test_a_complaint_does_not_give_the_password_away() -> None:
    assert "hunter2" not in complaint({"QUORATE_SMTP": "smtp://quorate:hunter2@mail.example:465?tls=perhaps"})
    assert "hunter2" not in complaint({"QUORATE_DATABASE": "postgres://quorate:hunter2@host/name"})


def test_printed_settings_do_not_give_secrets_away() -> None:
    settings = Settings(
        secret="hunter2-hunter2",
        token="hunter2-hunter2",
        smtp="smtp://quorate:hunter2@mail.example:465",
        database="postgresql+asyncpg://quorate:hunter2@host/name",
    )
    assert "hunter2" not in f"{settings} {settings!r}"


def test_a_database_that_is_shared_needs_a_secret_that_is_shared() -> None:
    assert "QUORATE_SECRET must be set" in complaint({"QUORATE_DATABASE": "postgresql+asyncpg://quorate@host/name"})


def test_a_rehearsal_with_a_real_mail_server_is_refused() -> None:
    said = complaint({"QUORATE_AS_OF": "2026-11-20T09:00:00+00:00", "QUORATE_SMTP": "smtp://mail.example:465"})
    assert "QUORATE_AS_OF is for rehearsals" in said


def test_a_rehearsal_does_not_empty_a_real_mailbox() -> None:
    said = complaint({"QUORATE_AS_OF": "2026-11-20T09:00:00+00:00", "QUORATE_IMAP": "imaps://a:b@mail.example/INBOX"})
    assert "QUORATE_AS_OF is for rehearsals" in said


@pytest.mark.parametrize("made", [False, True])
def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "settings.env").write_bytes(b"QUORATE_HOME=\xff")
    said = complaint({"QUORATE_CONFIG": str(tmp_path / "settings.env")})
    assert said.startswith(f"QUORATE_CONFIG names {tmp_path / 'settings.env'}, which ")


def test_tls_is_required_unless_something_else_is_said() -> None:
    assert SmtpServer("smtp://mail.example:465").tls == "required"
    server = SmtpServer("smtp://quorate:p%40ss@[::1]:25/?tls=none")
    assert (server.host, server.port, server.tls, server.user, server.password) == (
        "::1",
        25,
        "none",
        "quorate",
        "p@ss",
    )


def test_secrets_are_made_once_and_kept_for_this_user_alone(tmp_path: Path) -> None:
    first, second = Settings(home=tmp_path / "home"), Settings(home=tmp_path / "home")
    before = os.umask(0)
    try:
        assert first.key == second.key
        assert first.bearer_token == second.bearer_token
    finally:
        os.umask(before)
    assert first.key != first.bearer_token.encode()
    assert len(first.key) >= 43
    assert {stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "home").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert {each.name for each in (tmp_path / "home").iterdir()} == {"secret", "token"}


def test_processes_that_make_the_secret_at_once_agree(tmp_path: Path) -> None:
    homes = [tmp_path / str(n) for n in range(20)]
    with ThreadPoolExecutor(8) as pool:
        for home in homes:
            keys = set(pool.map(lambda home: Settings(home=home).key, [home] * 16))
            assert len(keys) == 1
            assert [each.name for each in home.iterdir()] == ["secret"]


def test_a_home_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(home=tmp_path / "file" / "home")
    with pytest.raises(WrongSettings, match=r"cannot be made or read: Not a directory\. Name a folder"):
        settings.bearer_token  # noqa: B018 – reading it makes it


def test_a_kept_secret_that_was_emptied_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(WrongSettings, match="holds no key"):
        Settings(home=tmp_path).key  # noqa: B018 – reading it makes it
