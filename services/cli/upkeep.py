"""What is done once and by hand: send what is due, send again what was given up on, bring the tables up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from services.bootstrap import House, migrate
from services.cli.opening import AsOf, run
from services.cli.terminal import AsJson, fail, out, print_json
from services.foundation.claims import Held, held
from services.foundation.clock import LONDON
from services.foundation.outbox import MAIL, MESH, PRINT
from services.foundation.settings import WrongSettings, load_settings
from services.foundation.trouble import DatabaseTrouble
from services.invitations import store as invitations
from services.post.again import GivenUp, given_up, send_again
from services.post.attempts import Tally
from services.records.rules.dispatch import UNDELIVERED
from services.records.store import dispatches


def drain(as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Send and tick all that is due, then exit.

    The exit status is 0 only where nothing failed, was put off, or is still in the hands of another process, which may
    be at work on it or may have died.
    """

    async def go(house: House) -> tuple[Tally, Held]:
        tally = await house.drain()
        async with house.database.read() as db:
            return tally, await held(db, (MAIL, PRINT, MESH))

    tally, by_others = run(go, as_of)
    figures: dict[str, Any] = {"sent": tally.sent, "failed": tally.failed, "put_off": tally.put_off}
    words = "{sent} sent, {failed} failed, {put_off} put off".format(**figures)
    figures["held"] = by_others.rows
    if by_others.until is not None:
        figures["held_until"] = by_others.until.isoformat()
        last = f"{by_others.until.astimezone(LONDON):%Y-%m-%d %H:%M}"
        words += f", {by_others.rows} held by another process, until {last} at the latest"
    if as_json:
        print_json(figures)
    else:
        out.print(words, markup=False, soft_wrap=True)
    if tally.failed or tally.put_off or by_others.rows:
        raise typer.Exit(1)


def resend(
    meetings: Annotated[list[str] | None, typer.Argument(metavar="[MEETING]...")] = None,
    every: Annotated[bool, typer.Option("--all", help="To every meeting that has not ended.")] = False,
    codes: Annotated[
        list[int] | None,
        typer.Option("--code", metavar="CODE", min=400, max=599, help="Only what was refused with this code."),
    ] = None,
    try_only: Annotated[bool, typer.Option("--dry-run", help="Say what would go again, and leave it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send again what the mail server or MESH refused for good, once the reason is gone.

    For messages whose address was right all the time: the server was set up wrongly, the mailbox is back. A new address
    needs no command: the event that records it sends there. Each message goes as it was, so that a second copy lands on
    the same diary entry, and only where it may still go. Copies of records, notices of plans and care plans are decided
    anew: they go to whoever may have them today, where they would be sent today. A notice belongs to no meeting, and
    goes with --all. The mailer sends; what is refused once more is an exception as before.
    """
    if every == bool(meetings):
        fail("give the ids of meetings, or --all", 2)

    async def go(house: House) -> tuple[list[dict[str, Any]], int]:
        told: list[dict[str, Any]] = []
        stay = 0
        with suppress(_OnlyTried):
            async with house.database.write() as db:
                work = house.intake.work(db)
                some = await given_up(db, work.now, meetings or (), codes or ())
                going = await send_again(work, some)
                gone = {each.row.outbox_id for each in going}
                told = await _told(db, going)
                stay = await _undelivered(db, [each for each in some if each.row.outbox_id not in gone])
                if try_only:
                    raise _OnlyTried  # which undoes it
                await house.intake.finish(work)
        return told, stay

    told, stay = run(go)
    if as_json:
        print_json(told)
        return
    for each in told:
        who = each.get("agency_id") or each.get("person_id") or "the reader"
        about = each.get("meeting_id") or each.get("child_id") or "no meeting"
        letter = each["letter"].replace("_", " ") + (" by MESH" if each["channel"] == MESH else "")
        out.print(f"{about}, {letter} to {who}: {each['answer']}", markup=False, soft_wrap=True)
    if stay:
        out.print(f"not again, as things stand, and missed still: {stay}", markup=False)
    count = f"{len(told)} message{'' if len(told) == 1 else 's'}"
    out.print(
        f"{count} would go again" if try_only else f"{count} go again" if len(told) != 1 else f"{count} goes again"
    )


class _OnlyTried(Exception):
    """Nothing was to be changed."""


async def _told(db: AsyncConnection, some: Sequence[GivenUp]) -> list[dict[str, Any]]:
    """What is said of messages that go again: by ids, and by no name or address."""
    whose: dict[str, Any] = {**await invitations.standing(db, [each.row.key for each in some])}
    things = await dispatches.by_ids(db, {str(each.row.params.get("dispatch_id")) for each in some})
    told = []
    for each in some:
        party = things.get(str(each.row.params.get("dispatch_id"))) or whose.get(each.row.key)
        names = {name: getattr(party, name, None) for name in ("agency_id", "person_id", "child_id")}
        about = {"meeting_id": each.meeting_id, **names, "letter": each.row.name, "channel": each.channel}
        told.append({name: value for name, value in (about | {"answer": each.result}).items() if value is not None})
    return told


async def _undelivered(db: AsyncConnection, some: Iterable[GivenUp]) -> int:
    """How many of these stay undelivered: what they were to bring may not go as it was decided."""
    things = await dispatches.by_ids(db, {str(each.row.params.get("dispatch_id")) for each in some})
    return sum(each.state == UNDELIVERED for each in things.values())


def migrate_database() -> None:
    """Bring the database's tables up to date. The embedded default does it by itself."""
    try:
        out.print(asyncio.run(migrate(load_settings())), markup=False, soft_wrap=True)
    except (WrongSettings, DatabaseTrouble) as wrong:
        fail(str(wrong))
