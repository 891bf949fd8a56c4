"""What topics are declared, what may not differ, and how lag is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.envelope import MAX_BYTES
from schemas.registry import DEAD_LETTERS, OUT_TYPES, TYPES, meeting_topic
from schemas.vocabulary import MEETING_KINDS
from services.streams.rules import DAY, Lag, Topic, declared, differences, named, taken, total

TOPICS = {topic.name: topic for topic in declared("quorate", 8, 3, 14)}
CHILDREN = TOPICS["quorate.children"]


def test_every_type_of_the_catalogue_has_its_topic() -> None:
    plain = {entry.topic for entry in (*TYPES.values(), *OUT_TYPES.values()) if isinstance(entry.topic, str)}
    meetings = {meeting_topic(kind) for kind in (*MEETING_KINDS, None)}
    assert TOPICS.keys() == plain | meetings | {DEAD_LETTERS}


def test_quorate_takes_from_every_topic_but_those_that_it_writes_to() -> None:
    assert TOPICS.keys() - set(taken()) == {"quorate.outcomes", "quorate.dead-letters"}


def test_a_prefix_of_its_own_keeps_a_test_system_apart_from_the_live_one() -> None:
    assert named("rehearsal", "quorate.dead-letters") == "rehearsal.dead-letters"
    assert not TOPICS.keys() & {topic.name for topic in declared("rehearsal", 8, 3, 14)}


def test_agencies_alone_are_compacted_and_no_state_of_theirs_before_it_was_kept_like_the_rest() -> None:
    compacted = {name for name, topic in TOPICS.items() if "compact" in topic.configs["cleanup.policy"]}
    assert compacted == {"quorate.directory"}
    assert TOPICS["quorate.directory"].configs["min.compaction.lag.ms"] == CHILDREN.configs["retention.ms"]


def test_what_is_about_children_goes_after_the_retention_and_a_day_and_not_before_by_size() -> None:
    for name in TOPICS.keys() - {"quorate.directory"}:
        configs = TOPICS[name].configs
        assert configs["cleanup.policy"] == "delete"
        assert configs["retention.ms"] == str(14 * DAY)
        assert configs["segment.ms"] == str(DAY)
        assert configs["retention.bytes"] == "-1"


def test_retention_counts_from_the_arrival_whatever_the_sender_takes_for_the_time() -> None:
    assert {topic.configs["message.timestamp.type"] for topic in TOPICS.values()} == {"LogAppendTime"}


@pytest.mark.parametrize(("replication", "copies"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_a_record_has_two_copies_before_it_is_acknowledged_where_one_broker_may_be_away(
    replication: int, copies: str
) -> None:
    assert {topic.configs["min.insync.replicas"] for topic in declared("quorate", 8, replication, 14)} == {copies}


def test_the_largest_event_fits_in_its_topic_and_whole_among_the_dead_letters() -> None:
    event, letter = (int(TOPICS[name].configs["max.message.bytes"]) for name in ("quorate.children", DEAD_LETTERS))
    assert event > MAX_BYTES + 100_000
    assert 2 * event < letter


def test_a_topic_as_declared_differs_in_nothing_and_what_is_set_besides_is_the_operators() -> None:
    assert differences(CHILDREN, CHILDREN) == []
    assert differences(CHILDREN, replace(CHILDREN, configs={**CHILDREN.configs, "flush.ms": "1000"})) == []


def changed(config: str, value: str) -> Topic:
    return replace(CHILDREN, configs={**CHILDREN.configs, config: value})


@pytest.mark.parametrize(
    ("found", "what", "values", "advice"),
    [
        (replace(CHILDREN, partitions=4), "partitions", ("4", "8"), "would lose their order"),
        (replace(CHILDREN, partitions=12), "partitions", ("12", "8"), "QUORATE_TOPIC_PARTITIONS=12"),
        (replace(CHILDREN, replication=frozenset({1})), "replication", ("1", "3"), "QUORATE_TOPIC_REPLICATION"),
        (replace(CHILDREN, replication=frozenset({2, 3})), "replication", ("2 and 3", "3"), "kafka-reassign"),
        (changed("retention.ms", "1000"), "retention.ms", ("1000", str(14 * DAY)), "QUORATE_TOPIC_RETENTION_DAYS"),
        (
            changed("cleanup.policy", "compact"),
            "cleanup.policy",
            ("compact", "delete"),
            "kafka-configs --alter --topic quorate.children --add-config cleanup.policy=delete",
        ),
    ],
)
def test_what_differs_is_named_with_both_values_and_what_to_do(
    found: Topic, what: str, values: tuple[str, str], advice: str
) -> None:
    (difference,) = differences(CHILDREN, found)
    assert (difference.topic, difference.what) == ("quorate.children", what)
    assert (difference.found, difference.declared) == values
    assert advice in difference.advice


def test_a_config_that_kafka_does_not_tell_of_differs() -> None:
    (difference,) = differences(
        CHILDREN,
        replace(CHILDREN, configs={k: v for k, v in CHILDREN.configs.items() if k != "retention.bytes"}),
    )
    assert (difference.what, difference.found) == ("retention.bytes", "not set")


@pytest.mark.parametrize(
    ("committed", "first", "end", "lag", "gone"),
    [
        (None, 0, 0, 0, 0),
        (None, 0, 7, 7, 0),
        (None, 3, 7, 4, 0),  # what went before there was a group was not its to take
        (0, 0, 7, 7, 0),
        (5, 0, 7, 2, 0),
        (7, 0, 7, 0, 0),
        (2, 5, 7, 2, 3),  # deleted before they were taken
        (9, 0, 7, 0, 0),  # the topic was made anew
    ],
)
def test_lag_counts_what_waits_and_what_went_untaken(
    committed: int | None, first: int, end: int, lag: int, gone: int
) -> None:
    found = Lag("quorate.children", 0, committed, first, end)
    assert (found.lag, found.gone) == (lag, gone)


def test_the_total_is_that_of_all_partitions() -> None:
    lags = [Lag("quorate.children", 0, 2, 5, 7), Lag("quorate.children", 1, None, 0, 4)]
    assert total(lags) == (6, 3)
