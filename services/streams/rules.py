"""What topics there are, how each is kept, what may not differ from that, and how far behind a group is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas.registry import (
    COMPACTED,
    DEAD_LETTERS,
    EVENT_RECORD,
    LETTER_RECORD,
    MEETING_TOPICS,
    OTHER_MEETINGS,
    OUT_TYPES,
    TYPES,
)

PREFIX = "quorate"  # what the contract's names begin with
OUTCOMES = "quorate.outcomes"

DAY = 86_400_000  # milliseconds


def taken() -> list[str]:
    """The topics that Quorate takes events from, by the contract's names."""
    names = {entry.topic for entry in TYPES.values() if isinstance(entry.topic, str)}
    return sorted(names | set(MEETING_TOPICS.values()) | {OTHER_MEETINGS})


def told() -> list[str]:
    """The topics that Quorate writes to, by the contract's names."""
    return sorted({entry.topic for entry in OUT_TYPES.values() if isinstance(entry.topic, str)} | {DEAD_LETTERS})


def named(prefix: str, topic: str) -> str:
    """The topic's name where names begin with `prefix`."""
    return prefix + topic.removeprefix(PREFIX)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is declared, or as it was found: there `replication` has more than one number where partitions
    differ.
    """

    name: str
    partitions: int
    replication: frozenset[int]
    configs: Mapping[str, str]


def declared(prefix: str, partitions: int, replication: int, retention_days: int) -> list[Topic]:
    """Every topic, with all that matters for keeping what is in it."""
    return [
        Topic(
            named(prefix, name),
            partitions,
            frozenset({replication}),
            _configs(name, replication, str(retention_days * DAY)),
        )
        for name in (*taken(), *told())
    ]


def _configs(name: str, replication: int, retention: str) -> dict[str, str]:
    """How a topic is kept. What a cluster may have as another default is said all the same."""
    kept = {
        "cleanup.policy": "delete",
        "retention.ms": retention,
        "retention.bytes": "-1",
    }
    if name in COMPACTED:
        kept = {"cleanup.policy": "compact", "min.compaction.lag.ms": retention}
    return kept | {
        "segment.ms": str(DAY),
        "max.message.bytes": str(LETTER_RECORD if name == DEAD_LETTERS else EVENT_RECORD),
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(min(2, max(1, replication - 1))),
        "unclean.leader.election.enable": "false",
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as declared."""

    topic: str
    what: str
    found: str
    declared: str
    advice: str


def differences(declared: Topic, found: Topic) -> list[Difference]:
    """What of a topic is not as declared, each with what to do."""
    found_replication = " and ".join(map(str, sorted(found.replication)))
    (replication,) = declared.replication
    pairs = [
        ("partitions", str(found.partitions), str(declared.partitions), _about_partitions(declared, found)),
        ("replication", found_replication, str(replication), _ABOUT_REPLICATION),
        *(
            (name, found.configs.get(name, "not set"), value, _about_config(declared.name, name, value))
            for name, value in declared.configs.items()
        ),
    ]
    return [Difference(declared.name, *pair) for pair in pairs if pair[1] != pair[2]]


def _about_partitions(declared: Topic, found: Topic) -> str:
    if found.partitions > declared.partitions:
        return (
            f"set QUORATE_TOPIC_PARTITIONS={found.partitions} if that was meant; partitions cannot be taken away "
            "without making the topic anew"
        )
    return (
        f"set QUORATE_TOPIC_PARTITIONS={found.partitions}, or stop those who send, let the workers take everything "
        "(quorate topics lag says when), and add partitions with Kafka's own tools: with records waiting, events about "
        "one family would lose their order"
    )


_ABOUT_REPLICATION = (
    "move the partitions with kafka-reassign-partitions, or set QUORATE_TOPIC_REPLICATION to what was meant"
)
_SETTING_OF = {
    "retention.ms": "QUORATE_TOPIC_RETENTION_DAYS",
    "min.compaction.lag.ms": "QUORATE_TOPIC_RETENTION_DAYS",
    "min.insync.replicas": "QUORATE_TOPIC_REPLICATION",
}


def _about_config(topic: str, name: str, value: str) -> str:
    setting = f", or change {_SETTING_OF[name]}" if name in _SETTING_OF else ""
    return f"kafka-configs --alter --topic {topic} --add-config {name}={value}{setting}"


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind on one partition, in records.

    `committed` is the next record that it takes, None where it has never said so; `first` and `end` are the first that
    Kafka still has, and the one that comes next. `gone` counts those that Kafka no longer has and the group had not
    taken.
    """

    topic: str
    partition: int
    committed: int | None
    first: int
    end: int

    @property
    def gone(self) -> int:
        return max(0, self.first - self.committed) if self.committed is not None else 0

    @property
    def lag(self) -> int:
        return max(0, self.end - max(self.first, self.committed or 0))


def total(lags: Iterable[Lag]) -> tuple[int, int]:
    """The records that wait, and those that are gone."""
    found = list(lags)
    return sum(each.lag for each in found), sum(each.gone for each in found)
