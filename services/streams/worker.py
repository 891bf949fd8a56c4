"""The Kafka door: a Faust worker takes records in batches to the one path, and moves the offset after the commit.

Faust acknowledges what an agent was given whenever the agent is left, by an error or because the worker stops; so the
agent here acknowledges by itself, is never left with an error, and repeats a batch where it stands until it has taken
effect. What comes again after a crash or a rebalance is known to the inbox. Records of one partition are taken in the
order they stand in, and so a family's are.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import faust
import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from schemas.registry import EVENT_RECORD
from services.bootstrap import House
from services.intake.accept import Arrival, Verdict
from services.running.process import FIRST_WAIT, Process, until
from services.streams.connection import REQUEST, BrokerTrouble, Record, Sender, faust_options, the_broker
from services.streams.consumer import CommittedConsumer, CommittedTransport
from services.streams.topics import DEAD_LETTERS, check, lag, taken, topic_name

log = structlog.get_logger()

BATCH = 100  # records in one transaction
BUFFER = 1000  # records read ahead
COMMIT_EVERY = 0.5  # seconds between two commits of offsets
LOOK_EVERY = 5.0  # seconds between two looks at what lies behind
TOPICS_EVERY = 30.0  # seconds between two looks at which topics there are: one may have been made anew
LONGEST_WAIT = 30.0  # seconds between two tries of what keeps failing


class StoppedBefore(Exception):
    """The worker was told to stop before a batch was done with: it comes again."""


class Consuming:
    """The Kafka door as a part of a process."""

    name = "stream"

    def __init__(self, house: House) -> None:
        self.house = house
        self.stopping = asyncio.Event()
        self.in_hand = asyncio.Lock()  # held while a batch is on its way
        self.done: dict[TP, int] = {}  # the offset after the last record that took effect
        self.batches = 0
        self.broken: asyncio.Future[BaseException | None]  # records are taken no more, and why
        self.topics: Mapping[str, Hashable] | None = None  # as they were just now, where they were looked at
        self.anew: frozenset[str] = frozenset()  # topics that are to be begun at their first record

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """A sender of dead letters; raises `BrokerTrouble` where Kafka or a topic is not as it must be."""
        self.topics = await asyncio.to_thread(check, self.house.settings)
        self.sender = Sender(self.house.settings)
        async with aclosing(self.sender):
            yield

    def stop(self) -> None:
        """Take no further batch."""
        self.stopping.set()

    async def run(self, process: Process) -> None:
        """Take records until the process stops; raises where Faust gives up."""
        # What Faust begins without the brokers, it does not tidy up.
        topics = self.topics if self.topics is not None else await asyncio.to_thread(check, self.house.settings)
        self.topics = None
        await self._see_where_it_stands(process)
        self.done.clear()
        self.broken = asyncio.get_running_loop().create_future()
        with tempfile.TemporaryDirectory(prefix="quorate-faust-") as folder:
            app = self._app(process, Path(folder))
            tasks: list[asyncio.Task[Any]] = []
            try:
                await app.start()
                looking = [asyncio.create_task(each) for each in (self._look(app, process), self._watch(topics))]
                tasks += [*looking, *map(asyncio.create_task, (self.stopping.wait(), app.wait_until_stopped()))]
                await asyncio.wait([*tasks, self.broken], return_when=asyncio.FIRST_COMPLETED)
                for task in looking:
                    if task.done():
                        task.result()
                if self.broken.done():
                    raise RuntimeError("Records are taken no more") from self.broken.result()
            except KafkaError as trouble:
                process.pulses[self.name].waits = "Kafka"  # to stop takes long without it
                raise BrokerTrouble(f"Kafka is lost: {type(trouble).__name__}") from trouble
            finally:
                for task in tasks:
                    task.cancel()
                async with self.in_hand:  # what is in hand ends, and its offset is committed on the way out
                    await app.stop()
                self.anew -= {tp.topic for tp in cast(CommittedTransport, app.transport).begun}
            if not self.stopping.is_set():
                raise RuntimeError("Faust has stopped by itself")

    async def _see_where_it_stands(self, process: Process) -> None:
        """Say which records Kafka has deleted before they were taken: whoever asks later, when a later one of the
        partition was taken, learns nothing of them. Where the group has come further than there are records, that was
        in a topic that was there before.
        """
        for each in await asyncio.to_thread(lag, self.house.settings):
            if each.gone:
                log.error("records_gone", topic=each.topic, partition=each.partition, count=each.gone)
                process.metrics.gone.labels(each.topic, str(each.partition)).set(each.gone)
            if each.committed is not None and each.committed > each.end:
                log.warning("topic_begun_anew", topic=each.topic, partition=each.partition)
                self.anew |= {each.topic}

    def _app(self, process: Process, folder: Path) -> faust.App:
        settings = self.house.settings
        app = faust.App(
            settings.group,
            **faust_options(the_broker(settings)),
            autodiscover=False,
            datadir=str(folder),
            store="memory://",
            key_serializer="raw",
            value_serializer="raw",
            topic_allow_declare=False,  # it would say nothing where a topic is missing; `check` does
            topic_disable_leader=True,
            web_enabled=False,
            worker_redirect_stdouts=False,
            processing_guarantee="at_least_once",
            consumer_auto_offset_reset="earliest",
            consumer_metadata_max_age_ms=int(TOPICS_EVERY * 1000),
            # A worker that is killed holds its partitions for as long as its session lasts.
            broker_session_timeout=settings.session_timeout,
            broker_heartbeat_interval=settings.session_timeout / 3,
            broker_request_timeout=max(REQUEST, 2 * settings.session_timeout),
            broker_commit_interval=COMMIT_EVERY,
            broker_max_poll_interval=24 * 3600.0,  # a partition may wait for the database for as long as that is gone
            stream_buffer_maxsize=BUFFER,
            stream_recovery_delay=0.0,
            stream_wait_empty=False,
        )
        app.transport = CommittedTransport(app.conf.broker_consumer, app)
        app.transport.anew = self.anew
        topic = app.topic(*(topic_name(settings, each) for each in taken()), value_type=bytes, key_type=bytes)

        async def take(stream: Any) -> None:
            come: deque[Any] = deque()
            room, arrived = asyncio.Semaphore(BATCH), asyncio.Event()
            taking = asyncio.create_task(self._take_batches(process, stream, come, room, arrived))
            taking.add_done_callback(lambda task: None if task.cancelled() else self._end(task.exception()))
            try:
                async for event in stream.noack().events():
                    await room.acquire()
                    come.append(event)
                    arrived.set()
            except Exception as slip:  # begun again by itself, the agent would not have what was in hand here
                self._end(slip)
                raise
            finally:
                taking.cancel()

        app.agent(topic, name="quorate.intake")(take)
        return app

    def _end(self, why: BaseException | None) -> None:
        """Records are taken no more: the app is to be ended, and begun anew from what was committed."""
        if not self.broken.done():
            self.broken.set_result(why)

    async def _take_batches(
        self, process: Process, stream: Any, come: deque[Any], room: asyncio.Semaphore, arrived: asyncio.Event
    ) -> None:
        """Take in what has come, all of it at once: the next batch gathers while this one is on its way, and where
        little comes, nothing waits for more.
        """
        while True:
            await arrived.wait()
            arrived.clear()
            while come:
                events = list(come)
                come.clear()
                for _ in events:
                    room.release()
                await self._take_in(process, stream, events)

    async def _take_in(self, process: Process, stream: Any, events: Sequence[Any]) -> None:
        """Take a batch in and acknowledge it; does not come back once the worker stops."""
        async with self.in_hand:
            arrivals = [
                Arrival(
                    event.value or b"",
                    {
                        "topic": event.message.topic,
                        "partition": event.message.partition,
                        "offset": event.message.offset,
                    },
                )
                for event in events
            ]
            if await self._until_done(process, "the database", lambda: self._effects(process, arrivals)):
                for event in events:
                    await stream.ack(event)
                    self.done[event.message.tp] = event.message.offset + 1
                self.batches += 1
                process.pulses[self.name].beat()
                process.wake()
                return
        await asyncio.Event().wait()  # until it is cancelled: an agent that ends is started again

    async def _effects(self, process: Process, arrivals: Sequence[Arrival]) -> None:
        begun = time.monotonic()
        verdicts = await self.house.intake.accept(arrivals)
        letters = [(a, v) for a, v in zip(arrivals, verdicts, strict=True) if v.state == "rejected"]
        if letters:
            told = await self._until_done(process, "the topic of dead letters", lambda: self._send_dead(letters))
            if not told:
                raise StoppedBefore
        for verdict in verdicts:
            process.metrics.events.labels(verdict.state).inc()
        known = sum(verdict.state == "known" for verdict in verdicts)
        log.debug("batch_taken", count=len(arrivals), known=known, duration_ms=round((time.monotonic() - begun) * 1000))

    async def _until_done(self, process: Process, what: str, act: Callable[[], Awaitable[None]]) -> bool:
        """Do it again until it is done; False where the worker stops before."""
        wait = FIRST_WAIT
        while not self.stopping.is_set():
            try:
                await act()
            except Exception as trouble:
                log.warning("partition_waits", reason=what, wait_s=wait, exc_info=trouble)
                process.pulses[self.name].waits = what
                await until(self.stopping, wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                return True
        return False

    async def _send_dead(self, letters: Sequence[tuple[Arrival, Verdict]]) -> None:
        """Tell of what was rejected, each record whole, with the reasons beside it.

        What is longer than an event may be is left out: the table of dead letters has it.
        """
        await self.sender.send(topic_name(self.house.settings, DEAD_LETTERS), (as_record(*each) for each in letters))

    async def _look(self, app: faust.App, process: Process) -> None:
        """See, again and again, what lies behind on the partitions held. While nothing does, the part gets on."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            held = app.consumer.assignment()
            if not held or app.rebalancing:
                continue
            # Faust passes a question to the thread that fetches, which answers between two fetches: ask once for all.
            ahead = await cast(CommittedConsumer, app.consumer).ahead(held)
            await self._begin(app, held)
            process.metrics.lag.clear()
            for tp, each in ahead.items():
                behind = max(0, each.end - (self.done[tp] if each.start is None else each.start))
                process.metrics.lag.labels(tp.topic, str(tp.partition)).set(behind)
            if not any(each.waits for each in ahead.values()):
                process.pulses[self.name].beat()

    async def _watch(self, topics: Mapping[str, Hashable]) -> None:
        """Raise once a topic is another than when records began to be taken: Faust does not always take from one that
        was deleted and made anew, and what is noted of the old one's place says nothing of the new one.
        """
        while True:
            await asyncio.sleep(TOPICS_EVERY)
            try:
                now = await asyncio.to_thread(check, self.house.settings)
            except BrokerTrouble:
                continue  # while one is missing, Faust takes from the others
            if anew := {name for name in topics if now[name] != topics[name]}:
                self.anew |= anew
                raise BrokerTrouble(f"Made anew since it was taken from: {', '.join(sorted(anew))}")

    async def _begin(self, app: faust.App, held: set[TP]) -> None:
        """Where partitions stand that this worker has come to hold, or holds again: at what the group has committed."""
        for tp in self.done.keys() - held:
            del self.done[tp]
        new = held - self.done.keys()
        first = await app.consumer.earliest_offsets(*new) if new else {}
        committed_by = cast(CommittedConsumer, app.consumer)._committed_offset
        for tp in held:
            committed = committed_by.get(tp) or 0
            self.done[tp] = max(self.done.get(tp, 0), first.get(tp, 0), committed)


def as_record(arrival: Arrival, verdict: Verdict) -> Record:
    """A dead letter as the topic has it: the record whole, what is wrong beside it, in the order of its partition."""
    errors = [{"path": error.path, "message": error.message} for error in verdict.errors]
    headers = [
        ("quorate-deadletter-id", str(verdict.deadletter_id).encode()),
        ("quorate-from", json.dumps(arrival.origin).encode()),
        ("quorate-errors", json.dumps(errors).encode()),
        ("quorate-size", str(len(arrival.raw)).encode()),
    ]
    content = arrival.raw if len(arrival.raw) <= EVENT_RECORD else None
    return f"{arrival.origin['topic']}/{arrival.origin['partition']}".encode(), content, headers
