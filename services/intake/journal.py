"""Whether the journal stands as it was written."""

from __future__ import annotations

from services.foundation.database import Database
from services.intake import store
from services.intake.rules import Fault, Inspection


async def verify(database: Database, noted: tuple[int, str] | None = None) -> tuple[Inspection, list[Fault]]:
    """Walk the whole journal, in constant memory, while intake may go on; returns the walk and what is wrong.

    `noted` is a number and hash of an earlier verification: without one, a journal that was rewritten from some row to
    its end, with every hash made anew, cannot be told from one that was not.
    """
    walk = Inspection(noted)
    while True:
        before = walk.rows
        async with database.read() as db:
            async for row in store.read_journal(db, after=walk.seq):
                walk.see(row)
        async with database.read() as db:
            end = await store.end_of_journal(db)
        # Where the end is further on than the rows that were read, rows were added meanwhile, or are missing.
        if end is None or end[0] <= walk.seq or walk.rows == before:
            return walk, walk.faults(end)
