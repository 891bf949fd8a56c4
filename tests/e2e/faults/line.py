"""The whole line in processes of its own, what was put into it, and what must have come out at its end.

The processes are real: `quorate worker`, `mailer` and `scheduler`, on a real Kafka and PostgreSQL, with a mail server
that does as it is told. What must have come out is what the embedded default makes of the same events, in order, on a
fresh SQLite home.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from sqlalchemy.engine import make_url

from services.bootstrap import open_house
from services.foundation.database import WRITERS, Database
from services.foundation.settings import Settings
from services.intake.accept import Arrival
from services.intake.journal import verify
from services.streams.connection import client_options, the_broker
from services.streams.topics import OUTCOMES, ensure, topic_name
from tests.e2e.faults import story
from tests.mail_server import MailServer, mail_server
from tests.running import Running
from tests.streaming import place

WITHIN = 900.0  # seconds that anything may take that a test waits for; while workers are killed, nothing gets on
AT_ONCE = 100  # events in one transaction of the embedded default
PARTITIONS = 6
SESSION = 1.5  # seconds after which a worker that was killed counts as gone
SHARED = ("broker", "group", "session_timeout", "secret", "topic_prefix", "topic_partitions", "topic_replication")

AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.InterfaceError)

Message = tuple[str, str, str]
"""What tells one message from all others: to whom, its Message-ID, and whether it asks or takes back."""


async def until(holds: Callable[[], Awaitable[bool] | bool], about: str, every: float = 0.02) -> None:
    """Wait for something; fails with what it was about where it does not come to that."""
    try:
        async with asyncio.timeout(WITHIN):
            while True:
                found = holds()
                if found if isinstance(found, bool) else await found:
                    return
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"not within {WITHIN:.0f} seconds: {about}") from None


def event_id(raw: bytes) -> str:
    return str(json.loads(raw)["id"])


def messages(server: MailServer) -> Counter[Message]:
    """What a server took, and how often."""
    return Counter((each.to, each.message_id, kind(each.content)) for each in server.taken)


def kind(content: bytes) -> str:
    """What a message's calendar asks of the reader's."""
    return "CANCEL" if b"method=CANCEL" in content or b'method="CANCEL"' in content else "REQUEST"


async def embedded(home: Path, raws: Sequence[bytes], secret: str) -> set[Message]:
    """What the embedded default sends where it is given the same events in order."""
    async with mail_server() as server:
        settings = Settings(home=home, secret=secret, smtp=f"smtp://127.0.0.1:{server.port}?tls=none")
        async with open_house(settings) as house:
            for start in range(0, len(raws), AT_ONCE):
                some = [Arrival(raw, {"file": "story", "line": start}) for raw in raws[start : start + AT_ONCE]]
                verdicts = await house.intake.accept(some)
                assert {verdict.state for verdict in verdicts} == {"accepted"}
            await house.drain()
        sent = messages(server)
        assert set(sent.values()) == {1}
        return set(sent)


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction of a process that holds the writers' lock, and where the journal ended before it."""

    pid: int
    begun: Any
    journaled: int


@asynccontextmanager
async def opened_line(settings: Settings, folder: Path, server: MailServer | None = None) -> AsyncIterator[Line]:
    """A line on these topics, which are made, this database, and this mail server or one without ways of its own; its
    processes end with the block.
    """
    await asyncio.to_thread(ensure, settings)
    producer = AIOKafkaProducer(
        **client_options(the_broker(settings)),
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=int(WITHIN * 1000),
    )
    async with mail_server(server) as taking:
        await producer.start()
        line = Line(settings, taking, producer, folder)
        try:
            yield line
        finally:
            line.end()
            await producer.stop()


@dataclass
class Line:
    """The line on one database, with topics of its own."""

    settings: Settings
    server: MailServer
    producer: AIOKafkaProducer
    folder: Path
    running: list[Running] = field(default_factory=list)
    told: list[bytes] = field(default_factory=list)
    records: dict[TopicPartition, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    numbers: Counter[str] = field(default_factory=Counter)

    async def start(self, *commands: str, **more: object) -> list[Running]:
        """Start processes at once, each with a home, a log and a user on the database of its own."""
        made = []
        for command in commands:
            self.numbers[command] += 1
            home = self.folder / f"{command}-{self.numbers[command]}"
            settings = {name: getattr(self.settings, name) for name in SHARED}
            settings["database"] = await self.database_of(home)
            if command == "mailer":
                settings["smtp"] = f"smtp://127.0.0.1:{self.server.port}?tls=none"
            made.append(Running(command, home, **{**settings, "log_level": "debug", **more}))
        self.running += made
        await asyncio.gather(*(asyncio.to_thread(each.__enter__) for each in made))
        return made

    async def database_of(self, home: Path) -> str:
        """The database's address for a process, with the user that it alone signs in as."""
        user = home.name.replace("-", "_")
        if not await self.ask("SELECT 1 FROM pg_roles WHERE rolname = $1", user):
            await self.ask(f"CREATE ROLE {user} SUPERUSER LOGIN")
        return make_url(self.settings.database_url).set(username=user).render_as_string(hide_password=False)

    def end(self) -> None:
        for each in self.running:
            if hasattr(each, "process"):
                each.__exit__(None, None, None)

    async def produce(self, raws: Iterable[bytes]) -> None:
        """Append records, in order; while the broker is away, wait."""
        sent = []
        for raw in raws:
            topic, key = place(self.settings, raw)
            sent.append((raw, await self.producer.send(topic, raw, key=key)))
        for raw, acknowledged in sent:
            record = await acknowledged
            at = TopicPartition(record.topic, record.partition)
            self.records[at].append((record.offset, event_id(raw)))
            self.told.append(raw)

    @asynccontextmanager
    async def load(self, families: int = 24, pause: float = 1.0) -> AsyncIterator[None]:
        """Events keep coming in this block: families and their meetings, the next ones once the last are taken."""
        enough = asyncio.Event()
        feeding = asyncio.create_task(self._feed(enough, families, pause))
        try:
            yield
            enough.set()
            await feeding
        finally:
            feeding.cancel()

    async def _feed(self, enough: asyncio.Event, families: int, pause: float) -> None:
        """Put in one lot after the other until there is enough.

        A family's meeting is put in once the family has been taken: what is sent hangs on that order, and between
        topics Kafka keeps none.
        """
        await self.produce(story.agencies())
        known: range | None = None
        while not enough.is_set():
            first = known.stop if known is not None else 0
            new = range(first, first + families)
            await self.produce([*story.directory(new), *(story.meetings(known) if known is not None else ())])
            known = new
            await asyncio.sleep(pause)
            await self.has_taken()
        await self.produce(story.meetings(known or range(0)))

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        url = make_url(self.settings.database_url)
        connection = await asyncpg.connect(host=url.query["host"], user=url.username, database=url.database)
        try:
            yield connection
        finally:
            await connection.close()

    async def ask(self, query: str, *values: object) -> Any:
        """One value from the database, over a connection of its own; while the database is away, wait."""
        async with asyncio.timeout(WITHIN):
            while True:
                try:
                    async with self.database() as db:
                        return await db.fetchval(query, *values)
                except AWAY:
                    await asyncio.sleep(0.1)

    async def journaled(self) -> int:
        return int(await self.ask("SELECT seq FROM journal_end") or 0)

    async def has_taken(self) -> None:
        """Wait until all that was put in so far is in the journal."""
        wanted = len({event_id(raw) for raw in self.told})

        async def taken() -> bool:
            return await self.journaled() >= wanted

        await until(taken, f"{wanted} events taken in", every=0.05)

    async def gets_on(self) -> None:
        """Wait until more has been taken in."""
        before = await self.journaled()

        async def more() -> bool:
            return await self.journaled() > before + 50

        await until(more, "more is taken in", every=0.1)

    async def has_settled(self, *, time_passes: bool = False) -> None:
        """Wait until all that was put in has been taken, nothing waits to be sent, and every outcome is handed on."""
        await self.has_taken()
        query = (
            "SELECT (SELECT count(*) FROM outbox WHERE channel = 'mail' AND state = 'pending') = 0 AND"
            " (SELECT coalesce(max(outbox_id), 0) FROM outbox WHERE channel = 'outcome') ="
            " (SELECT coalesce(max(outbox_id), 0) FROM relayed)"
        )

        async def settled() -> bool:
            if time_passes:
                await self.time_passes("claimed_by IS NULL")
            return bool(await self.ask(query))

        await until(settled, "all mail sent and all outcomes handed on", every=0.1)

    async def time_passes(self, what: str) -> int:
        """Let what waits in the outbox fall due, as if its wait were over; returns how many rows that are."""
        changed = await self.ask(
            "WITH moved AS (UPDATE outbox SET due_at = now() WHERE channel = 'mail' AND state = 'pending'"
            f" AND due_at > now() AND {what} RETURNING 1) SELECT count(*) FROM moved"
        )
        return int(changed)

    async def check(self, expected: set[Message] | None = None) -> Counter[str]:
        """All that must hold at the end, whatever happened on the way; returns what was seen of it."""
        if expected is None:
            expected = await embedded(self.folder / "embedded", self.told, self.settings.secret or "")
        count: Counter[str] = Counter(events=len(self.told), messages=len(expected))
        await self.check_journal()
        await self.check_outcomes(count)
        self._check_mail(expected, count)
        workers = [each for each in self.running if each.command == "worker"]
        taken = [line for each in workers for line in logged(each, "batch_taken")]
        count["batches"] = len(taken)
        count["batches tried again where they stood"] = sum(len(logged(each, "partition_waits")) for each in workers)
        count["records that came again"] = sum(line["known"] for line in taken)
        return count

    async def check_journal(self) -> None:
        async with self.database() as db:
            rows = await db.fetch("SELECT seq, event_id FROM journal ORDER BY seq")
            assert await db.fetchval("SELECT count(*) FROM dead_letters") == 0
            assert await db.fetchval("SELECT count(*) FROM waiting") == 0
        at = {row["event_id"]: row["seq"] for row in rows}
        assert len(at) == len(rows), "an event is in the journal twice"
        assert at.keys() == {event_id(raw) for raw in self.told}
        for partition, records in self.records.items():
            order = [at[each] for each in dict.fromkeys(each for _, each in sorted(records))]
            assert order == sorted(order), f"{partition} was not taken in its order"
        database = Database(self.settings.database_url)
        try:
            walk, faults = await verify(database)
        finally:
            await database.close()
        assert (walk.rows, faults) == (len(rows), [])

    async def check_outcomes(self, count: Counter[str]) -> None:
        async with self.database() as db:
            rows = await db.fetch(
                "SELECT outbox_id, name, params ->> 'partition_key' AS key FROM outbox WHERE channel = 'outcome'"
                " ORDER BY outbox_id"
            )
        written: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            written[row["key"]].append(f"{row['outbox_id']} {row['name']}")
        told: dict[str, dict[str, None]] = defaultdict(dict)
        found = await everything(self.settings, OUTCOMES)
        for record in found:
            event = json.loads(record.value)
            told[record.key.decode()][f"{event['id'].partition('-')[0]} {event['type']}"] = None
        assert {key: list(some) for key, some in told.items()} == written
        count["outcomes"] = len(rows)
        count["outcomes told again"] = len(found) - len(rows)

    def _check_mail(self, expected: set[Message], count: Counter[str]) -> None:
        sent = messages(self.server)
        assert sent.keys() == expected, (
            f"missing {sorted(expected - sent.keys())[:5]}, not expected {sorted(sent.keys() - expected)[:5]}"
        )
        count["messages sent again as the same"] = sent.total() - len(expected)
        contents: dict[str, bytes] = {}
        last: dict[str, tuple[int, Any]] = {}
        ids: dict[tuple[str, int, Any], str] = {}
        for each in self.server.taken:
            if each.message_id in contents:
                assert each.content == contents[each.message_id], "the same Message-ID says something else"
                continue
            contents[each.message_id] = each.content
            uid, sequence = each.uid_and_sequence
            number = (sequence, each.event.decoded("DTSTAMP"))
            assert uid not in last or number > last[uid], "a diary entry's messages came in another order"
            last[uid] = number
            assert ids.setdefault((uid, *number), each.message_id) == each.message_id


async def in_hand(db: asyncpg.Connection, process: Running) -> OpenTransaction | None:
    """The transaction in which a process holds the writers' lock at this moment, if it does."""
    row = await db.fetchrow(
        "SELECT a.pid, a.xact_start, (SELECT seq FROM journal_end) AS journaled"
        " FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objid = $1 AND a.usename = $2",
        WRITERS,
        process.home.name.replace("-", "_"),
    )
    return OpenTransaction(row["pid"], row["xact_start"], row["journaled"] or 0) if row else None


async def a_while_in_hand(db: asyncpg.Connection, process: Running, further: float) -> OpenTransaction:
    """A transaction that a process has had open for so many seconds. Where one ends before, the next one will do."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = await in_hand(db, process)
            if found is None:
                await asyncio.sleep(0.005)  # often enough for a batch, and seldom enough to leave it the machine
                continue
            await asyncio.sleep(further)
            if await in_hand(db, process) == found:
                return found
            further /= 2


def logged(process: Running, event: str) -> list[dict[str, Any]]:
    """What a process logged under this name, as far as it came before it was killed."""
    found = []
    for line in process.log.read_text().splitlines():
        if f'"{event}"' in line and line.endswith("}"):
            found.append(json.loads(line))
    return [each for each in found if each["event"] == event]


async def everything(settings: Settings, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Every record of a topic, in the order of each partition."""
    consumer = AIOKafkaConsumer(**client_options(the_broker(settings)), enable_auto_commit=False)
    await consumer.start()
    found: list[ConsumerRecord[bytes, bytes]] = []
    try:
        name = topic_name(settings, topic)
        partitions = [TopicPartition(name, number) for number in range(settings.topic_partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        async with asyncio.timeout(WITHIN):
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                found += [record for some in (await consumer.getmany(timeout_ms=100)).values() for record in some]
    finally:
        await consumer.stop()
    return found


def told(name: str, count: Counter[str]) -> str:
    """What a test counted, in a line."""
    return f"{name}: " + ", ".join(f"{number} {what}" for what, number in count.items())
