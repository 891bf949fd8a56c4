"""The topics on the broker: made as declared, held to it, and how far behind the workers are."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import (
    AuthorizationError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NoError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.net.compat import KafkaNetClient

from schemas.registry import DEAD_LETTERS
from services.foundation.settings import Settings
from services.streams import rules
from services.streams.connection import BrokerTrouble, client_options, reachable, the_broker, unheard, unreachable
from services.streams.rules import OUTCOMES, Difference, Lag, Topic, taken

__all__ = ["DEAD_LETTERS", "OUTCOMES", "Ensured", "check", "ensure", "lag", "taken", "topic_name"]

WITHIN = 10.0  # seconds that the brokers have to answer
ASK_AGAIN = 0.2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ensured:
    """What `ensure` made, what was as declared before, and what is not as declared."""

    made: list[str]
    kept: list[str]
    differences: list[Difference]


def topic_name(settings: Settings, topic: str) -> str:
    """The name on the broker of a topic of the contract."""
    return rules.named(settings.topic_prefix, topic)


def _declared(settings: Settings) -> list[Topic]:
    return rules.declared(
        settings.topic_prefix, settings.topic_partitions, settings.topic_replication, settings.topic_retention_days
    )


def ensure(settings: Settings) -> Ensured:
    """Make the topics that are missing, and find what differs from the declaration in those that are there.

    Nothing that exists is changed. Raises `BrokerTrouble`.
    """
    declared = _declared(settings)
    with _asking(settings) as admin:
        there = {topic["name"] for topic in _described(admin, declared)}
        missing = [topic for topic in declared if topic.name not in there]
        if missing:
            _require_brokers(admin, settings.topic_replication)
        made = _make(admin, missing) if missing else []
        found = _found(admin, declared)
    different = [each for topic in declared for each in rules.differences(topic, found[topic.name])]
    changed = {each.topic for each in different}
    kept = [topic.name for topic in declared if topic.name not in changed and topic.name not in made]
    return Ensured(made, kept, different)


def check(settings: Settings) -> dict[str, Hashable]:
    """Raise `BrokerTrouble` unless every topic is there with the partitions that it is declared with; returns what
    tells each from another of the same name that is made after it was deleted.

    It blocks for as long as the brokers take to answer: in a coroutine, call it in a thread.
    """
    declared = _declared(settings)
    with _asking(settings) as admin:
        described = _described(admin, declared)
    found = {topic["name"]: len(topic["partitions"]) for topic in described}
    missing = [topic.name for topic in declared if topic.name not in found]
    if missing:
        raise BrokerTrouble(f"Kafka lacks {_listed(missing)}: run quorate topics ensure")
    wrong = [
        f"{topic.name} has {found[topic.name]} partitions, declared {topic.partitions}"
        for topic in declared
        if found[topic.name] != topic.partitions
    ]
    if wrong:
        raise BrokerTrouble(f"{'; '.join(wrong)}: quorate topics ensure says what to do")
    return {topic["name"]: topic["topic_id"] for topic in described}


def lag(settings: Settings) -> list[Lag]:
    """How far behind the group of the workers is on each partition that it takes from. Raises `BrokerTrouble`."""
    names = [topic_name(settings, topic) for topic in taken()]
    with _asking(settings) as admin:
        described = {topic["name"]: topic for topic in _described(admin, _declared(settings))}
        missing = [name for name in names if name not in described]
        if missing:
            raise BrokerTrouble(f"Kafka lacks {_listed(missing)}: run quorate topics ensure")
        partitions = [
            TopicPartition(name, number) for name in names for number in range(len(described[name]["partitions"]))
        ]
        # In this order nothing looks further behind than it is, or further on than there are records.
        committed = _until_ready(lambda: admin.list_group_offsets({settings.group: partitions}))[settings.group]
        first = _until_ready(lambda: admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST)))
        end = _until_ready(lambda: admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST)))
    return [
        Lag(each.topic, each.partition, _offset(committed, each), first[each].offset, end[each].offset)
        for each in partitions
    ]


def _offset(committed: Mapping[TopicPartition, Any], partition: TopicPartition) -> int | None:
    found = committed.get(partition)
    return found.offset if found is not None and found.offset >= 0 else None


def _described(admin: KafkaAdminClient, topics: Sequence[Topic]) -> list[dict[str, Any]]:
    """Those of the topics that exist, as the brokers describe them."""

    def ask() -> list[dict[str, Any]]:
        described: list[dict[str, Any]] = admin.describe_topics([topic.name for topic in topics])
        for topic in described:
            error = for_code(topic["error_code"])
            if error not in (NoError, UnknownTopicOrPartitionError):
                raise error(topic["name"])
        return described

    return [topic for topic in _until_ready(ask) if for_code(topic["error_code"]) is NoError]


def _found(admin: KafkaAdminClient, topics: Sequence[Topic]) -> dict[str, Topic]:
    """The topics as they are."""
    described = _described(admin, topics)
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.configs) for topic in topics]
    configs = _until_ready(lambda: admin.describe_configs(asked, config_filter="all"))["topic"]
    return {
        topic["name"]: Topic(
            topic["name"],
            len(topic["partitions"]),
            frozenset(len(partition["replica_nodes"]) for partition in topic["partitions"]),
            {name: str(config["value"]) for name, config in configs[topic["name"]].items()},
        )
        for topic in described
    }


def _require_brokers(admin: KafkaAdminClient, replication: int) -> None:
    brokers = sum(not broker.get("is_fenced") for broker in admin.describe_cluster()["brokers"])
    if brokers < replication:
        single = ": for a single broker, for development, set it to 1" if brokers == 1 else ""
        raise BrokerTrouble(
            f"QUORATE_TOPIC_REPLICATION asks for {replication} brokers that keep a copy of each topic, and there "
            f"{'is' if brokers == 1 else 'are'} {brokers}{single}. No topic was made"
        )


def _make(admin: KafkaAdminClient, topics: Sequence[Topic]) -> list[str]:
    """Make the topics; returns the names of those made here, and not by another at the same moment."""
    answer = admin.create_topics(
        {
            topic.name: {
                "num_partitions": topic.partitions,
                "replication_factor": min(topic.replication),
                "configs": dict(topic.configs),
            }
            for topic in topics
        },
        raise_errors=False,
    )
    errors = {topic["name"]: for_code(topic["error_code"]) for topic in answer["topics"]}
    refused = [
        f"{topic['name']}: {errors[topic['name']].__name__} {topic.get('error_message') or ''}".rstrip()
        for topic in answer["topics"]
        if errors[topic["name"]] not in (NoError, TopicAlreadyExistsError)
    ]
    made = [topic.name for topic in topics if errors[topic.name] is NoError]
    if refused:
        also = f"\nMade were {_listed(made)}" if made else ""
        raise BrokerTrouble("Kafka refused to make\n" + "\n".join(refused) + also)
    admin.wait_for_topics([topic.name for topic in topics], timeout_ms=int(WITHIN * 1000))
    return made


def _listed(names: Sequence[str]) -> str:
    return f"the topic{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _until_ready(ask: Callable[[], T]) -> T:
    """The answer, asked for again while the brokers are still about something: the first group's place, a leader."""
    deadline = time.monotonic() + WITHIN
    while True:
        try:
            return ask()
        except KafkaError as trouble:
            if not getattr(trouble, "retriable", False) or time.monotonic() > deadline:
                raise
            time.sleep(ASK_AGAIN)


@contextmanager
def _asking(settings: Settings) -> Iterator[KafkaAdminClient]:
    """A client that asks the brokers. Whatever goes wrong between them is a `BrokerTrouble` with words for it."""
    broker = the_broker(settings)
    servers = reachable(broker, WITHIN)
    made: list[KafkaNetClient] = []

    def client(**options: Any) -> KafkaNetClient:
        made.append(KafkaNetClient(**options))
        return made[-1]

    within = int(WITHIN * 1000)
    with unheard("kafka"):
        try:
            admin = KafkaAdminClient(
                **(client_options(broker) | {"bootstrap_servers": servers}),
                client_id="quorate-topics",
                bootstrap_timeout_ms=within,
                request_timeout_ms=within,
                kafka_client=client,
            )
        except (KafkaError, OSError) as wrong:
            # The client keeps its thread and its sockets where its constructor fails.
            for each in made:
                each.close()
            raise unreachable(broker, type(wrong).__name__) from wrong
        try:
            yield admin
        except AuthorizationError as wrong:
            raise BrokerTrouble(f"Kafka does not let {broker.user or 'us'} do this: {type(wrong).__name__}") from wrong
        except (KafkaConnectionError, KafkaTimeoutError) as wrong:
            raise unreachable(broker, type(wrong).__name__) from wrong
        except KafkaError as wrong:
            raise BrokerTrouble(f"Kafka did not do what was asked: {type(wrong).__name__}") from wrong
        finally:
            admin.close()
