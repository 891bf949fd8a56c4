"""Who is asked to a meeting and who is not, and what did not happen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from services.bootstrap import House
from services.cli.copies import print_copies
from services.cli.opening import AsOf, moment, run
from services.cli.registers import print_register
from services.cli.terminal import AsJson, fail, out, print_json
from services.invitations.render import clock_time, long_day
from services.oversight.rules import age
from services.oversight.views import list_exceptions
from services.records.views import explain as explain_meeting

SAID = {"accepted": "comes", "declined": "apologies", "tentative": "may come", "delegated": "sends someone else"}
WAYS = {"in_person": "in person", "video": "by video", "phone": "by phone"}


def explain(
    meeting: Annotated[str, typer.Argument(metavar="MEETING")], as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Say who is asked to a meeting and why, who is not and why not, and of a held one who came."""

    async def go(house: House) -> Any:
        async with house.database.read() as db:
            return await explain_meeting(db, house.intake.policy, meeting, moment(as_of), house.clock.now())

    found = run(go, as_of)
    if found is None:
        fail(f"no meeting {meeting} is known" + (f" as of {as_of}" if as_of else ""))
    if as_json:
        print_json(found)
        return
    starts_at = datetime.fromisoformat(found["starts_at"])
    out.print(f"{found['kind'].replace('_', ' ').capitalize()} {meeting}, {found['state']}", markup=False)
    out.print(f"{long_day(starts_at)}, {clock_time(starts_at)}, {found['authority']}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("who", max_width=26, overflow="fold")
    table.add_column("why", overflow="fold")
    table.add_column("invitation", max_width=14)
    for entry in found["entries"]:
        who = entry.get("agency_id") or entry.get("person_id") or f"({entry['kind'].replace('_', ' ')})"
        team = f"\n{entry['team_id']}" if "team_id" in entry else ""
        state = entry.get("invitation", {}).get("state", "")
        if entry["decision"] != "invited":
            told = f" ({state})" if state else ""
            state = f"not invited: {entry.get('why_not', '').replace('_', ' ')}{told}"
        elif state and state != "cancelled":
            state += f"\n{in_words(entry['invitation'])}"
        reasons = "\n".join(dict.fromkeys(reason["text"] for reason in entry["reasons"]))
        table.add_row(Text(who + team), Text(reasons), Text(state))
    out.print(table)
    for each in found["others_answered"]:
        who = each.get("agency_id") or each.get("person_id")
        out.print(f"{who} was not asked, and answers: {in_words(each)}. This counts for nothing.", markup=False)
    print_register(found)
    print_copies(found)


def in_words(said: Mapping[str, Any]) -> str:
    """What a party answers, in a few words, for example "comes by video"."""
    answer = SAID.get(said.get("answer", ""), "proposes another time" if said.get("proposed") else "no answer")
    return f"{answer} {WAYS[said['mode']]}" if said.get("answer") == "accepted" and "mode" in said else answer


def exceptions(
    every: Annotated[bool, typer.Option("--all", help="The resolved ones too.")] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """List what did not happen: who was expected and is not asked, or was not reached, or was asked late."""

    async def go(house: House) -> tuple[Any, datetime]:
        async with house.database.read() as db:
            return await list_exceptions(db, every=every, as_of=moment(as_of)), house.clock.now()

    found, now = run(go, as_of)
    if as_json:
        print_json(found)
        return
    table = Table(title=f"{len(found)} exceptions")
    table.add_column("kind", max_width=14)
    table.add_column("meeting", max_width=16, overflow="fold")
    table.add_column("about", max_width=16, overflow="fold")
    table.add_column("what", overflow="fold")
    table.add_column("age", no_wrap=True)
    for each in found:
        how_long = age(datetime.fromisoformat(each["raised_at"]), now)
        kind = each["kind"].replace("_", " ") + (" (resolved)" if each["state"] == "resolved" else "")
        about = next((each[name] for name in ("agency_id", "person_id", "child_id") if name in each), "")
        table.add_row(Text(kind), Text(each.get("meeting_id", "")), Text(about), Text(each["text"]), how_long)
    out.print(table)
