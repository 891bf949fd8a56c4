"""What was rejected is kept whole, can be looked at, and is replayed once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from schemas.envelope import FieldError
from services.bootstrap import House, open_house
from services.directory import store as directory
from services.foundation.settings import Settings
from services.intake import store
from services.intake.accept import Arrival, CannotReplay, Intake
from services.intake.ingest import ingest
from services.intake.views import list_dead_letters
from tests import events
from tests.clock import MovableClock
from tests.door import Door

GOOD = events.child("c1", id="right")
WRONG = GOOD.replace(b'"initials":"AB"', b'"initials":7')


async def reject(door: Door, *raws: bytes) -> list[int]:
    """Take in what is to be rejected; returns the numbers of the dead letters."""
    found = await door.take(*raws)
    assert {verdict.state for verdict in found} == {"rejected"}
    return [number for verdict in found if (number := verdict.deadletter_id) is not None]


async def letters(house: House, *, every: bool = False) -> list[dict[str, Any]]:
    async with house.database.read() as db:
        return await list_dead_letters(db, every=every)


async def content(house: House, number: int) -> bytes:
    async with house.database.read() as db:
        return b"".join([piece async for piece in store.dead_letter_content(db, number)])


async def children(house: House) -> int:
    async with house.database.read() as db:
        return int((await db.execute(select(func.count()).select_from(directory.children))).scalar_one())


async def test_a_dead_letter_says_what_came_from_where_and_each_failing_field(
    house: House, embedded: Door, clock: MovableClock
) -> None:
    body = json.loads(GOOD)
    body["data"] |= {"initials": 7, "date_of_birth": "yesterday"}
    [number] = await reject(embedded, raw := json.dumps(body).encode())
    [letter] = await letters(house)
    assert {
        name: letter[name] for name in ("deadletter_id", "source", "id", "from", "received_at", "size", "state")
    } == {
        "deadletter_id": number,
        "source": events.SOURCE,
        "id": "right",
        "from": {"file": "f", "line": 1},
        "received_at": clock.now().isoformat(),
        "size": len(raw),
        "state": "open",
    }
    assert [error["path"] for error in letter["errors"]] == ["$.data.initials", "$.data.date_of_birth"]
    assert all(error["message"] for error in letter["errors"])
    assert await content(house, number) == raw


async def test_bytes_of_any_kind_are_kept_as_they_came(house: House, door: Door) -> None:
    raws = [bytes(range(1, 256)), b"\x00\x00", b"\xff\xfe\x00", "\N{GRINNING FACE}".encode(), b'{"id":"\\ud800","a":1}']
    numbers = await reject(door, *raws)
    assert [await content(house, number) for number in numbers] == raws
    assert [letter["size"] for letter in await letters(house)] == [len(raw) for raw in raws]


async def test_a_correction_takes_effect_in_place_of_what_came_and_the_letter_keeps_who_and_when(
    house: House, door: Door, clock: MovableClock
) -> None:
    [number] = await reject(door, WRONG)
    verdict = await house.intake.replay(number, GOOD, "pat")
    assert (verdict.state, verdict.deadletter_id) == ("accepted", number)
    assert await children(house) == 1
    assert await letters(house) == []
    [letter] = await letters(house, every=True)
    assert (letter["state"], letter["settled_by"], letter["settled_at"]) == ("replayed", "pat", clock.now().isoformat())
    assert await content(house, number) == WRONG


def refusing(house: House, message: str) -> Intake:
    """The intake of an area whose policy has no room for children."""
    return replace(house.intake, checks={"quorate.child.recorded.v1": lambda *_: (FieldError("$.data", message),)})


async def test_a_replay_as_it_came_in_takes_effect_when_the_reason_is_gone(house: House) -> None:
    [verdict] = await refusing(house, "is not wanted").accept([Arrival(GOOD, {"file": "f", "line": 1})])
    assert verdict.deadletter_id is not None
    assert (await house.intake.replay(verdict.deadletter_id, None, "pat")).state == "accepted"
    assert await children(house) == 1
    assert await letters(house) == []


async def test_what_is_replayed_and_still_rejected_stays_open_with_its_new_errors(house: House) -> None:
    [verdict] = await refusing(house, "is not wanted").accept([Arrival(GOOD, {"file": "f", "line": 1})])
    assert verdict.deadletter_id is not None
    again = await refusing(house, "is not wanted here").replay(verdict.deadletter_id, None, "pat")
    assert again.state == "rejected"
    [letter] = await letters(house)
    assert letter["errors"] == [{"path": "$.data", "message": "is not wanted here"}]


async def test_a_correction_that_is_rejected_too_changes_nothing(house: House, door: Door) -> None:
    [number] = await reject(door, WRONG)
    before = await letters(house)
    verdict = await house.intake.replay(number, b"no event", "pat")
    assert (verdict.state, [error.path for error in verdict.errors]) == ("rejected", ["$"])
    assert await letters(house) == before
    assert await content(house, number) == WRONG


async def test_a_replay_that_waits_is_settled_since_it_was_taken_in(house: House, door: Door) -> None:
    [number] = await reject(door, events.meeting(children=["not an id"]))
    assert (await house.intake.replay(number, events.meeting(children=["c7"]), "pat")).state == "waiting"
    assert await letters(house) == []


async def test_a_replay_of_what_came_in_otherwise_meanwhile_is_known_and_settled(house: House, door: Door) -> None:
    [number] = await reject(door, WRONG)
    await door.take(GOOD)
    assert (await house.intake.replay(number, GOOD, "pat")).state == "known"
    assert await children(house) == 1
    assert await letters(house) == []


async def test_what_was_settled_is_not_replayed_again_and_is_known_when_it_comes_again(
    house: House, embedded: Door
) -> None:
    [number] = await reject(embedded, WRONG)
    await house.intake.replay(number, GOOD, "pat")
    with pytest.raises(CannotReplay, match=r"was settled on .* by pat") as refused:
        await house.intake.replay(number, events.child("c2"), "sam")
    assert refused.value.settled
    [again] = await house.intake.accept([Arrival(WRONG, {"file": "f", "line": 1})])
    assert (again.state, again.deadletter_id) == ("known", number)
    assert await children(house) == 1


async def test_what_is_not_there_cannot_be_replayed(house: House) -> None:
    with pytest.raises(CannotReplay, match="no such dead letter"):
        await house.intake.replay(99, None, "pat")


@pytest.fixture
async def another(settings: Settings, clock: MovableClock) -> AsyncIterator[House]:
    async with open_house(settings, clock) as opened:
        yield opened


async def test_two_people_who_replay_at_once_have_one_effect(house: House, embedded: Door, another: House) -> None:
    numbers = await reject(embedded, *(b"no event %d" % n for n in range(8)))
    right = [events.child(f"c{n}") for n in range(8)]

    async def all_of_them(of: Intake, by: str) -> list[str]:
        done: list[str] = []
        for number, raw in zip(numbers, right, strict=True):
            try:
                done.append((await of.replay(number, raw, by)).state)
            except CannotReplay:
                done.append("settled")
        return done

    done = await asyncio.gather(all_of_them(house.intake, "pat"), all_of_them(another.intake, "sam"))
    assert [sorted(pair) for pair in zip(*done, strict=True)] == [["accepted", "settled"]] * 8
    assert await children(house) == 8


async def test_a_replay_that_breaks_off_leaves_no_effect_and_an_open_letter(house: House, embedded: Door) -> None:
    [number] = await reject(embedded, WRONG)

    async def out_of_disk(_work: Any, _events: Sequence[Any]) -> None:
        raise OSError(28, "No space left on device")

    stopped = replace(house.intake, handlers={"quorate.child.recorded.v1": (out_of_disk,)})
    with pytest.raises(OSError, match="No space"):
        await stopped.replay(number, GOOD, "pat")
    assert [letter["state"] for letter in await letters(house)] == ["open"]
    assert (await house.intake.replay(number, GOOD, "pat")).state == "accepted"


async def test_a_replay_that_the_software_trips_over_says_so_and_leaves_the_letter_open(
    house: House, embedded: Door
) -> None:
    [number] = await reject(embedded, WRONG)

    async def stumble(_work: Any, _events: Sequence[Any]) -> None:
        raise KeyError("somebody's name")

    tripping = replace(house.intake, handlers={"quorate.child.recorded.v1": (stumble,)})
    verdict = await tripping.replay(number, GOOD, "pat")
    assert verdict.state == "rejected"
    assert "KeyError" in verdict.errors[0].message
    assert "somebody" not in verdict.errors[0].message
    assert [letter["state"] for letter in await letters(house)] == ["open"]


async def test_a_line_over_the_limit_is_kept_whole_and_cannot_be_replayed_as_it_is(house: House) -> None:
    longest = house.settings.max_event_bytes
    line = b"x" * (3 * longest)
    file = BytesIO(events.child("c1") + b"\n" + line + b"\n" + events.child("c2"))
    counts = await ingest(house.intake, file, "f")
    assert (counts.accepted, counts.rejected) == (2, 1)
    [letter] = await letters(house)
    assert (letter["from"], letter["size"]) == ({"file": "f", "line": 2}, len(line))
    assert await content(house, letter["deadletter_id"]) == line
    with pytest.raises(CannotReplay, match=r"3,145,728 bytes long and an event has at most 1,048,576"):
        await house.intake.replay(letter["deadletter_id"], None, "pat")
    file.seek(0)
    again = await ingest(house.intake, file, "f")
    assert (again.known, again.rejected) == (2, 1)
    assert len(await letters(house)) == 1
    assert (await house.intake.replay(letter["deadletter_id"], events.child("c3"), "pat")).state == "accepted"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*json.loads(GOOD), "extra", "\x00", "\ud800"])
EVENTS = st.dictionaries(NAMES, ANY_JSON, max_size=4).map(lambda odd: json.dumps(json.loads(GOOD) | odd).encode())


@given(raws=st.lists(st.binary(max_size=40) | EVENTS, min_size=1, max_size=6))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_comes_in_is_judged_and_what_is_rejected_is_kept_whole(
    house: House, door: Door, raws: list[bytes]
) -> None:
    found = await door.take(*raws)
    for raw, verdict in zip(raws, found, strict=True):
        if verdict.state == "rejected":
            assert verdict.deadletter_id is not None
            assert await content(house, verdict.deadletter_id) == raw
    assert all(letter["errors"] for letter in await letters(house))
