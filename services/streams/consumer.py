"""Faust's consumer, as far as it has to do otherwise here: what a sender took back was never sent, and where the group
had come to in a topic that was deleted says nothing of the one that was made anew under its name.

Faust reads what stands in an unfinished transaction of a sender's, or one that was broken off, like anything else,
unless it writes in transactions itself. What it has in hand of a topic while that is deleted it notes for the new one:
then it passes over as many records of that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP

LOGGER = logging.getLogger("faust.consumer")


@dataclass(frozen=True, slots=True)
class Ahead:
    """What lies ahead on a partition: everything before `end`, and from `start` on, which is None where records are in
    hand that are not acknowledged. What stands in an unfinished transaction, or behind one, cannot be taken yet:
    `waits` says whether anything can.
    """

    start: int | None
    end: int
    waits: bool


class _Thread(AIOKafkaConsumerThread):
    logger = LOGGER

    def _create_worker_consumer(self, transport: Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def offsets(self, partitions: list[TP]) -> dict[TP, tuple[int, int, int]]:
        """Of each partition: what is fetched next, where that ends which may be fetched by now, and where all ends."""
        found: dict[TP, tuple[int, int, int]] = await self.call_thread(self._offsets, partitions)
        return found

    async def first(self, partitions: list[TP]) -> dict[TP, int]:
        """Of each partition the first record that there is."""
        found: dict[TP, int] = await self.call_thread(self._ensure_consumer().beginning_offsets, partitions)
        return found

    async def _offsets(self, partitions: list[TP]) -> dict[TP, tuple[int, int, int]]:
        consumer = self._ensure_consumer()
        ends = await consumer.end_offsets(partitions)
        return {
            tp: (await consumer.position(tp), ends[tp], max(ends[tp], consumer.highwater(tp) or 0)) for tp in partitions
        }


class CommittedConsumer(Consumer):
    """Takes records of transactions once these are committed, and none of those that were broken off; begins a topic
    that was made anew at its first record, wherever the group has noted that it goes on.
    """

    logger = LOGGER

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> dict[TP, int]:
        """Seek all partitions to where they go on; returns these places."""
        transport = cast(CommittedTransport, self.transport)
        places = {TP(*tp): place for tp, place in (await super().seek_to_committed()).items()}
        anew = [tp for tp in places if tp.topic in transport.anew and tp not in transport.begun]
        if anew:
            for tp, first in (await cast(_Thread, self._thread).first(anew)).items():
                await self._seek(tp, first)
                places[tp] = first
            transport.begun |= frozenset(anew)
        return places

    async def ahead(self, partitions: Iterable[TP]) -> dict[TP, Ahead]:
        """What lies ahead on these partitions. Offsets alone do not tell: the last thing on a partition may be the note
        that a transaction has ended.
        """
        found = await cast(_Thread, self._thread).offsets(list(partitions))
        in_hand = {message.tp for message in self.unacked}
        return {
            tp: Ahead(None if tp in in_hand else at, last, at < end or tp in in_hand)
            for tp, (at, end, last) in found.items()
        }


class CommittedTransport(Transport):
    """What an app is given for such a consumer. `anew` are topics that were made anew since this process last took from
    them; `begun` those of their partitions that have been begun at the first record.
    """

    Consumer = CommittedConsumer
    anew: frozenset[str] = frozenset()
    begun: frozenset[TP] = frozenset()
