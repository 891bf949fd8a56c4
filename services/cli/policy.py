"""Who is expected in which meeting, and the numbers that apply."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.policy import PolicyFile
from services.cli.terminal import AsJson, fail, out, print_json, tell
from services.foundation.clock import SystemClock, london_date
from services.foundation.settings import WrongSettings, load_settings
from services.meetings.policy import NATIONAL_DEFAULT, PolicyFault, WrongPolicy, load_policy, read_policy
from services.meetings.policy import shown as shown_policy

policy = typer.Typer(
    help="Who is expected in which meeting, and the numbers that apply.", no_args_is_help=True, rich_markup_mode=None
)


@policy.command("show")
def show_policy(
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="What counts on this day, as in 2026-04-01; today if absent."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every number and rule with its source, whether it is confirmed, and from when it counts."""
    try:
        day = date.fromisoformat(on) if on else london_date(SystemClock().now())
    except ValueError:
        fail(f"--on {on}: write a date, for example 2026-04-01", 2)
    try:
        found = shown_policy(load_policy(load_settings().policy), day)
    except (WrongPolicy, WrongSettings) as wrong:
        fail(str(wrong))
    if as_json:
        print_json(found)
        return
    out.print(f"On {found['on']}: {', then '.join(found['files'])}", markup=False, soft_wrap=True)
    for heading, entries in (
        ("Numbers", found["numbers"]),
        ("Kinds of agency that are expected", found["expectations"]),
        ("Kinds of meeting", found["meeting_kinds"]),
        ("When a meeting is quorate", found["quoracy"]),
    ):
        out.print(f"\n{heading}", style="bold")
        for each in entries:
            out.print(f"{each['id']}: {in_words(each)}", markup=False, soft_wrap=True)
            confirmed = "confirmed" if each["confirmed"] else "not confirmed"
            origin = f"from {each['from']}, {confirmed}, {each['file']}; source: {each['source']}"
            out.print(f"    {origin}", markup=False, soft_wrap=True)
    out.print("\nKinds treated alike", style="bold")
    for name, kinds in found["groups"].items():
        out.print(f"{name}: {', '.join(kinds)}", markup=False, soft_wrap=True)


def in_words(entry: Mapping[str, Any]) -> str:
    """What a number, an expectation or a kind of meeting says."""
    if "value" in entry:
        unit = entry["unit"].replace("_", " ")
        return f"{entry['value']:g} {unit[:-1] if entry['value'] == 1 else unit}"
    if "modes" in entry:
        return _quorum(entry)
    told = {"id", "from", "source", "confirmed", "file", "because", "name"}
    fields = {name: value for name, value in entry.items() if name not in told and value not in ([], False)}
    said = ", ".join(
        f"{name} {' '.join(value) if isinstance(value, list) else str(value).lower()}" for name, value in fields.items()
    )
    return f"{entry.get('because') or entry.get('name')} ({said})"


def _quorum(rule: Mapping[str, Any]) -> str:
    """What a rule of quoracy says."""
    parties = [each["name"] for each in rule["required"]]
    if rule["others"]:
        parties.append(
            f"{rule['others']} agencies in direct contact beside them"
            if parties
            else f"{rule['others']} agencies in direct contact"
        )
    lines = [f"{', '.join(parties)}; there {' or '.join(mode.replace('_', ' ') for mode in rule['modes'])}"]
    if rule["others"]:
        verb = "counts" if rule["unrecorded_contact"] == "counts" else "does not count"
        lines.append(f"an agency whose contact nobody has recorded {verb}")
    if rule["not_counted"]:
        lines.append(f"never counted among them: {', '.join(rule['not_counted'])}")
    lines += [f"counted as one: {', '.join(group)}" for group in rule["count_as_one"]]
    if rule["report_counts"]:
        lines.append("a report in time counts like being there")
    if rule["refuses"]:
        lines.append(
            f"inquorate, it is refused without a person's word: {', '.join(rule['refuses'])}".replace("_", " ")
        )
    if rule["second_allowed"]:
        lines.append(f"a second one is no fault: {', '.join(rule['second_allowed'])}".replace("_", " "))
    return "; ".join(lines)


@policy.command("check")
def check_policy(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The area's file; the one in the settings if absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with an area's policy file, with its line; exit status 1 if anything is."""
    said: PolicyFile | None = None
    faults: tuple[PolicyFault, ...] = ()
    try:
        file = file or load_settings().policy or NATIONAL_DEFAULT
        said = read_policy(file)
    except WrongSettings as wrong:
        fail(str(wrong))
    except WrongPolicy as wrong:
        faults = wrong.faults
    if as_json:
        found = [
            {"file": each.file, "line": each.line, "place": each.place, "message": each.message} for each in faults
        ]
        print_json({"file": str(file), "faults": found})
    elif said is not None:
        entries = (*said.numbers, *said.expectations, *said.kinds, *said.quoracy)
        counted = (
            f"{len(said.numbers)} numbers, {len(said.expectations)} kinds of agency expected, "
            f"{len(said.kinds)} kinds of meeting, {len(said.quoracy)} rules of quoracy; "
            f"not confirmed: {sum(not each.confirmed for each in entries)}"
        )
        out.print(f"{file} can be used: {counted}", markup=False, soft_wrap=True)
    else:
        for fault in faults:
            tell(str(fault))
    if faults:
        raise typer.Exit(1)
