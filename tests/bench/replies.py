"""Replies understood a second, beside parsing alone with the standard library.

python -m tests.bench.replies [--rounds 7] [--seconds 2]

The mix is what comes back from invitations as the corpus of the tests has it: answers of eight programs, with and
without a report, words, notices of absence, delivery reports. Understanding is all of it: the message cut into parts,
its calendar, words and files read, the token checked, and what follows decided and written as events. Parsing alone is
`email.message_from_bytes` (the old policy) and `BytesParser` with the default policy, which nothing is asked of
afterwards: they know parts and headers, and neither calendars nor words. Rounds take turns, and time is the process's
own, so that whatever else the machine does falls on all alike; what is quoted is the ratio within each round.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable, Sequence
from email import message_from_bytes
from email.parser import BytesParser
from email.policy import default

from services.post.inbox.reading import read
from services.post.inbox.rules import decide
from tests.mail import absent, replies, returned
from tests.mail.corpus import CORPUS
from tests.mail.invited import ASKED, DOMAIN, KEY, RECEIVED

REPORT = b"%PDF-1.7\n" + b"What the agency knows of the family, and what it is worried about.\n" * 600
"""40 KB."""

MIX: tuple[tuple[int, bytes], ...] = (
    (30, replies.outlook("ACCEPTED")),
    (10, replies.outlook("DECLINED", "On leave\\, sorry")),
    (15, replies.nhsmail()),
    (8, replies.google()),
    (6, replies.apple()),
    (4, replies.thunderbird()),
    (4, replies.thunderbird("DECLINED", REPORT)),
    (2, replies.sogo()),
    (1, replies.counter()),
    (8, replies.webmail()),
    (6, absent.exchange()),
    (3, returned.postfix()),
    (3, returned.exchange()),
)
"""How many of a hundred messages have each shape: an estimate, for nobody has published one."""


def understand(raw: bytes) -> int:
    """All that is done with a message between its coming in and its being handed to intake; how many events it is."""
    decision = decide(read(raw), KEY, DOMAIN, ASKED, RECEIVED, hashlib.sha256(raw).hexdigest())
    events = [*decision.events, *(report.event for report in decision.reports)]
    return len([event.encoded() for event in events])


def by_default_policy(raw: bytes) -> object:
    """What the library's documentation recommends."""
    return BytesParser(policy=default).parsebytes(raw)


WAYS: dict[str, Callable[[bytes], object]] = {
    "understood": understand,
    "parsed, old policy": message_from_bytes,
    "parsed, default policy": by_default_policy,
}


def a_second(way: Callable[[bytes], object], messages: Sequence[bytes], seconds: float) -> float:
    """How many messages one core gets through in a second of its own time."""
    count, began = 0, time.process_time()
    while (taken := time.process_time() - began) < seconds:
        for raw in messages:
            way(raw)
        count += len(messages)
    return count / taken


def measured(title: str, messages: Sequence[bytes], rounds: int, seconds: float) -> None:
    """Print the figures for one lot of messages."""
    for way in WAYS.values():
        a_second(way, messages, seconds / 4)
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            found[name].append(a_second(way, messages, seconds))
    size = statistics.mean(len(raw) for raw in messages)
    print(f"{title}: {len(messages)} messages, {size / 1000:.1f} KB each, median of {rounds} rounds")
    for name, rates in found.items():
        line = f"  {name}: {statistics.median(rates):,.0f} a second"
        if name != "understood":
            ratios = [own / other for own, other in zip(found["understood"], rates, strict=True)]
            line += f"; understood is {statistics.median(ratios):.2f} of it ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    chosen = parser.parse_args()
    mix = [raw for share, raw in MIX for _ in range(share)]
    events = sum(understand(raw) for raw in mix)
    print(f"{events} events follow from the {len(mix)} messages of the mix")
    measured("The mix", mix, chosen.rounds, chosen.seconds)
    measured("The whole corpus of the tests", [case.raw for case in CORPUS], chosen.rounds, chosen.seconds)


if __name__ == "__main__":
    main()
