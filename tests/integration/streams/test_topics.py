"""The declaration of topics, on a real broker."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import MessageSizeTooLargeError
from kafka.structs import OffsetAndMetadata

from schemas.envelope import MAX_BYTES
from schemas.registry import EVENT_RECORD
from services.foundation.settings import Settings
from services.streams import topics
from services.streams.connection import BrokerTrouble
from services.streams.rules import DAY
from services.streams.topics import check, ensure, lag, topic_name
from tests.broker import Broker, own_names
from tests.running import COMMAND, environment

pytestmark = pytest.mark.kafka

# None of this asks the database anything.
ELSEWHERE = {"database": "postgresql+asyncpg:///none", "secret": "a-key-for-tests-alone"}


@pytest.fixture
def settings(broker: Broker) -> Settings:
    """Settings with names of the test's own; no topic is made yet."""
    return Settings(
        broker=f"kafka://{broker.address}", topic_partitions=2, topic_replication=1, **own_names(), **ELSEWHERE
    )


@pytest.fixture
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=broker.address)
    yield client
    client.close()


def changed(settings: Settings, **others: object) -> Settings:
    return Settings.model_validate(settings.model_dump() | others)


def configs(admin: KafkaAdminClient, name: str) -> dict[str, str]:
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
    return {key: config["value"] for key, config in found["topic"][name].items()}


def partitions(admin: KafkaAdminClient, name: str) -> int:
    return len(admin.describe_topics([name])[0]["partitions"])


def append(broker: Broker, name: str, count: int) -> None:
    """Append records, to the two partitions in turn."""
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all")
    for number in range(count):
        producer.send(name, b"{}", partition=number % 2)
    producer.flush(timeout=30)
    producer.close()


def test_topics_are_made_as_declared_once(settings: Settings, admin: KafkaAdminClient) -> None:
    made = ensure(settings)
    assert len(made.made) == 12
    assert (made.kept, made.differences) == ([], [])
    again = ensure(settings)
    assert again.made == []
    assert sorted(again.kept) == sorted(made.made)
    check(settings)
    children = configs(admin, topic_name(settings, "quorate.children"))
    assert (children["cleanup.policy"], children["retention.ms"]) == ("delete", str(14 * DAY))
    directory = configs(admin, topic_name(settings, "quorate.directory"))
    assert (directory["cleanup.policy"], directory["min.compaction.lag.ms"]) == ("compact", str(14 * DAY))
    assert partitions(admin, topic_name(settings, "quorate.dead-letters")) == 2


def test_a_topic_that_differs_is_told_of_and_left_as_it_is(settings: Settings, admin: KafkaAdminClient) -> None:
    directory, children = topic_name(settings, "quorate.directory"), topic_name(settings, "quorate.children")
    admin.create_topics(
        {
            directory: {"num_partitions": 1, "replication_factor": 1},
            children: {"num_partitions": 2, "replication_factor": 1, "configs": {"retention.bytes": "4096"}},
        }
    )
    found = ensure(settings)
    assert len(found.made) == 10
    told = {(each.topic, each.what): (each.found, each.declared) for each in found.differences}
    assert told[directory, "partitions"] == ("1", "2")
    assert told[directory, "cleanup.policy"] == ("delete", "compact")
    assert told[children, "retention.bytes"] == ("4096", "-1")
    assert (children, "cleanup.policy") not in told
    assert partitions(admin, directory) == 1
    assert configs(admin, children)["retention.bytes"] == "4096"


def test_another_setting_afterwards_changes_nothing_by_itself(settings: Settings, admin: KafkaAdminClient) -> None:
    ensure(settings)
    other = changed(settings, topic_partitions=4, topic_retention_days=2)
    found = ensure(other)
    assert found.made == found.kept == []
    assert {each.what for each in found.differences} == {"partitions", "retention.ms", "min.compaction.lag.ms"}
    name = topic_name(settings, "quorate.conferences")
    assert (partitions(admin, name), configs(admin, name)["retention.ms"]) == (2, str(14 * DAY))
    with pytest.raises(BrokerTrouble, match=rf"{name} has 2 partitions, declared 4.*quorate topics ensure"):
        check(other)


def test_more_copies_than_brokers_are_refused_before_anything_is_made(settings: Settings) -> None:
    with pytest.raises(BrokerTrouble, match=r"QUORATE_TOPIC_REPLICATION asks for 3 brokers .* there is 1.*set it to 1"):
        ensure(changed(settings, topic_replication=3))
    assert len(ensure(settings).made) == 12


def test_two_that_ensure_at_once_make_each_topic_once(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(ensure, [settings] * 4))
    made = [name for each in done for name in each.made]
    assert sorted(made) == sorted(set(made))
    assert len(made) == 12
    assert [each.differences for each in done] == [[]] * 4


def test_a_missing_topic_is_named_with_what_makes_it(settings: Settings, admin: KafkaAdminClient) -> None:
    ensure(settings)
    name = topic_name(settings, "quorate.plans")
    admin.delete_topics([name])
    deadline = time.monotonic() + 30
    while name in admin.list_topics():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for ask in (check, lag):
        with pytest.raises(BrokerTrouble, match=rf"Kafka lacks the topic {name}: run quorate topics ensure"):
            ask(settings)
    assert ensure(settings).made == [name]


def test_lag_is_what_the_group_has_not_taken(settings: Settings, broker: Broker, admin: KafkaAdminClient) -> None:
    ensure(settings)
    assert {(each.committed, each.end, each.lag) for each in lag(settings)} == {(None, 0, 0)}
    assert len(lag(settings)) == 10 * 2
    children = topic_name(settings, "quorate.children")
    append(broker, children, 9)

    def found() -> list[tuple[int | None, int, int, int]]:
        return [(each.committed, each.end, each.lag, each.gone) for each in lag(settings) if each.topic == children]

    assert found() == [(None, 5, 5, 0), (None, 4, 4, 0)]
    admin.alter_group_offsets(settings.group, {TopicPartition(children, 0): OffsetAndMetadata(2, "", -1)})
    assert found() == [(2, 5, 3, 0), (None, 4, 4, 0)]
    admin.delete_records({TopicPartition(children, 0): 4})
    assert found() == [(2, 5, 1, 2), (None, 4, 4, 0)]


def test_the_largest_event_is_let_in_and_whole_among_the_dead_letters_and_a_larger_one_is_not(
    settings: Settings, broker: Broker
) -> None:
    ensure(settings)
    children, letters = (topic_name(settings, name) for name in ("quorate.children", "quorate.dead-letters"))
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all", max_request_size=10_000_000)
    for topic, size in ((children, MAX_BYTES), (letters, EVENT_RECORD)):
        producer.send(topic, b"x" * size, key=b"k" * 64).get(timeout=30)
    with pytest.raises(MessageSizeTooLargeError):
        producer.send(children, b"x" * EVENT_RECORD).get(timeout=30)
    producer.close()


def test_brokers_that_cannot_be_reached_are_named_without_a_long_wait(
    settings: Settings, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody, socket.create_server(("127.0.0.1", 0)) as mute:
        nobody.bind(("127.0.0.1", 0))
        refusing, silent = (f"127.0.0.1:{each.getsockname()[1]}" for each in (nobody, mute))
        with monkeypatch.context() as impatient:
            impatient.setattr(topics, "WITHIN", 0.5)
            for servers in ([refusing], [silent], [refusing, silent]):
                for ask in (ensure, check, lag):
                    with pytest.raises(BrokerTrouble, match=f"No Kafka broker can be reached at {', '.join(servers)}"):
                        ask(changed(settings, broker=f"kafka://{','.join(servers)}"))
        assert len(ensure(changed(settings, broker=f"kafka://{refusing},{broker.address}")).made) == 12


def test_without_a_broker_in_the_settings_the_setting_is_named() -> None:
    with pytest.raises(BrokerTrouble, match="QUORATE_BROKER is not set"):
        ensure(Settings())


def quorate(settings: Settings, *arguments: str, **others: object) -> subprocess.CompletedProcess[str]:
    names = ("broker", "group", "topic_prefix", "topic_partitions", "topic_replication")
    given = {name: getattr(settings, name) for name in names} | ELSEWHERE | others
    return subprocess.run(
        (*COMMAND, "topics", *arguments),
        env=environment(settings.home, **given),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_makes_topics_and_says_so(settings: Settings) -> None:
    done = quorate(settings, "ensure")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"made {topic_name(settings, 'quorate.other-meetings')}\n" in done.stdout
    assert done.stdout.endswith("12 made, 0 there as declared, 0 not as declared\n")
    again = quorate(settings, "ensure", "--json")
    assert (again.returncode, again.stderr) == (0, "")
    told = json.loads(again.stdout)
    assert (told["made"], len(told["kept"]), told["differences"]) == ([], 12, [])


def test_the_command_ends_with_status_1_where_a_topic_differs_and_names_both_values(settings: Settings) -> None:
    ensure(settings)
    done = quorate(settings, "ensure", topic_partitions=3)
    assert done.returncode == 1
    name = topic_name(settings, "quorate.core-groups")
    assert f"{name}: partitions is 2, declared 3: set QUORATE_TOPIC_PARTITIONS=2, or stop" in done.stderr
    assert done.stdout == "0 made, 0 there as declared, 12 not as declared\n"
    told = quorate(settings, "ensure", "--json", topic_partitions=3)
    assert (told.returncode, told.stderr) == (1, "")
    first = json.loads(told.stdout)["differences"][0]
    assert first.keys() == {"topic", "what", "found", "declared", "advice"}


def test_the_command_shows_the_lag_of_each_partition_and_tells_of_records_that_are_gone(
    settings: Settings, broker: Broker, admin: KafkaAdminClient
) -> None:
    ensure(settings)
    assert quorate(settings, "lag").stdout == f"group {settings.group}: 0 waiting, 0 gone\n"
    plans = topic_name(settings, "quorate.plans")
    append(broker, plans, 5)
    admin.alter_group_offsets(settings.group, {TopicPartition(plans, 1): OffsetAndMetadata(0, "", -1)})
    admin.delete_records({TopicPartition(plans, 1): 1})
    done = quorate(settings, "lag")
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines() if plans in line]
    assert rows == [[plans, "0", "none", "3", "3", "0"], [plans, "1", "0", "2", "1", "1"]]
    assert done.stdout.endswith(f"group {settings.group}: 4 waiting, 1 gone\n")
    assert "1 records were deleted before they were taken" in done.stderr
    told = json.loads(quorate(settings, "lag", "--json").stdout)
    assert (told["group"], told["lag"], told["gone"]) == (settings.group, 4, 1)
    (topic,) = [each for each in told["topics"] if each["topic"] == plans]
    assert topic["partitions"][1] == {"partition": 1, "committed": 0, "first": 1, "end": 2, "lag": 1, "gone": 1}
    assert sum(len(each["partitions"]) for each in told["topics"]) == 10 * 2


@pytest.mark.parametrize("command", ["ensure", "lag"])
def test_the_commands_say_in_one_line_what_keeps_them(settings: Settings, command: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        done = quorate(settings, command, "--json", broker=f"kafka://{address}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"No Kafka broker can be reached at {address}")
    assert done.stderr.count("\n") == 1
