"""Kafka as a real process on loopback, for tests."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.kafka.broker import Broker, free_port
from deploy.kafka.jars import CannotStart, fetched, java, maven

__all__ = ["Broker", "missing", "own_names", "running_broker"]

_numbers = itertools.count(1)


def missing() -> tuple[bool, str]:
    """Whether all that a broker needs is here, and how to get what is not."""
    try:
        java()
        if not fetched():
            maven()
    except CannotStart as wrong:
        return False, str(wrong)
    return True, ""


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


def own_names() -> dict[str, str]:
    """Settings that give a test topics and a consumer group of its own on a broker that it shares."""
    number = next(_numbers)
    return {"topic_prefix": f"test-{number}", "group": f"test-{number}"}
