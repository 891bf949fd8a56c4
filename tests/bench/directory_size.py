"""What a large directory costs a meeting: resolution beside 1,000,000 children and 15,663 GP practices, and beside
1,000.

python -m tests.bench.directory_size [--children 1000000] [--practices epraccur.csv] [--rounds 9] [--meetings 100]

Both directories are filled straight into their tables (how fast events are accepted is measured in `embedded`), each
child with the same six involvements. Then the same meetings are taken in beside each, in turn, about children drawn
at random, each round about children that no round before has touched. What is quoted is the ratio of the medians.

`--practices` names the NHS Organisation Data Service's list of GP practices; without it as many are made up.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.bootstrap import House, open_house
from services.foundation.settings import Settings
from tests.bench import partnership
from tests.bench.embedded import take_in

MADE_UP_PRACTICES = 15_663
SMALL = 1_000
STAMP = "2026-01-05T09:00:00.000000+00:00"


def practices(file: Path | None) -> list[tuple[str, str]]:
    """(code, name) of each practice."""
    if file is None:
        return [(f"practice-{number}", f"Made-up practice {number}") for number in range(MADE_UP_PRACTICES)]
    with file.open(encoding="latin-1", newline="") as opened:
        return [(row[0], row[1].title()) for row in csv.reader(opened)]


def children(count: int, codes: list[str]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Rows for children and their involvements, as the directory's handlers would write them."""
    for number in range(count):
        child_id = f"child-{number}"
        told: dict[str, Any] = {
            "authority": partnership.AUTHORITY,
            "initials": "AB",
            "nhs_number": None,
            "date_of_birth": "2015-04-01",
            "expected_on": None,
            "preferred_name": None,
            "pronouns": None,
            "circumstances": [],
            "placement": None,
            "flags": [],
        }
        child = {"child_id": child_id, "family_id": f"family-{number}", "document": json.dumps(told)}
        involved = []
        for kind in partnership.INVOLVED:
            agency_id = codes[number % len(codes)] if kind == "gp" else f"{kind}-{number % partnership.PRACTICES}"
            involved.append(
                {
                    "involvement_id": f"{child_id}-{kind}",
                    "person_id": child_id,
                    "agency_id": agency_id,
                    "service": kind,
                    "status": "waiting" if kind == "camhs" else "open",
                    "since": "2025-11-03",
                    "until": None,
                    "document": json.dumps({"team_id": None, "key_worker": None, "direct_contact": None}),
                }
            )
        yield child, involved


def fill(database: Path, count: int, codes: list[str]) -> None:
    """Write children and involvements straight into the tables."""
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA synchronous=OFF")
        for table, rows in (
            ("children", (child for child, _ in children(count, codes))),
            ("involvements", (each for _, involved in children(count, codes) for each in involved)),
        ):
            stamped = (
                {**row, "event_time": STAMP, "event_source": "/bench", "event_id": str(number), "known_from": STAMP}
                for number, row in enumerate(rows)
            )
            first = next(stamped)
            names = list(first)
            values = ", ".join(f":{name}" for name in names)
            statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"
            db.execute(statement, first)
            db.executemany(statement, stamped)
        db.commit()


async def prepared(house: House, home: Path, count: int, file: Path | None) -> None:
    """Fill one directory."""
    known = practices(file)
    agencies = [*partnership.agencies(), *(partnership.agency(code, "gp", name) for code, name in known)]
    await take_in(house, agencies)
    await asyncio.to_thread(fill, home / "quorate.db", count, [code for code, _ in known])


async def run(count: int, file: Path | None, rounds: int, meetings: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as small_home, tempfile.TemporaryDirectory() as large_home:
        async with (
            open_house(Settings(home=Path(small_home))) as small,
            open_house(Settings(home=Path(large_home))) as large,
        ):
            draw = random.Random(11)
            sides = [(small, small_home, SMALL), (large, large_home, count)]
            drawn: list[list[int]] = []
            for house, home, size in sides:
                start = time.perf_counter()
                await prepared(house, Path(home), size, file)
                print(f"{size:,} children with their involvements recorded in {time.perf_counter() - start:.0f} s")
                drawn.append(draw.sample(range(size), rounds * meetings))
            times: list[list[float]] = [[], []]
            for turn in range(rounds):
                for side, (house, _, _) in enumerate(sides):
                    picked = drawn[side][turn * meetings : (turn + 1) * meetings]
                    raw = [partnership.meeting(turn * meetings + n, child) for n, child in enumerate(picked)]
                    times[side].append(await take_in(house, raw) / meetings * 1e3)
            beside_small, beside_large = (statistics.median(some) for some in times)
            print(f"beside {SMALL:,} children {beside_small:.2f} ms a meeting, beside {count:,} {beside_large:.2f} ms")
            print(f"ratio {beside_large / beside_small:.2f}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--children", type=int, default=1_000_000)
    parser.add_argument("--practices", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--meetings", type=int, default=100)
    chosen = parser.parse_args()
    asyncio.run(run(chosen.children, chosen.practices, chosen.rounds, chosen.meetings))


if __name__ == "__main__":
    main()
