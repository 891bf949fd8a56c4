"""What stands in one reader's copy of a record, ready for the printer: words only, nothing to be looked up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from schemas.policy import Policy
from services.foundation.clock import london_date
from services.invitations.readers import told_of_child
from services.invitations.render import authority_name, weekday
from services.meetings.rules import reference, say
from services.meetings.rules.words import capital
from services.participation.rules.register import ABSENT, APOLOGIES, PRESENT
from services.records.lettering import Lettering
from services.records.printing import FACES
from services.records.readers import Around
from services.records.rules.copies import Copy
from services.records.rules.front_page import party, seen_by
from services.records.rules.participants import Seen
from services.records.rules.record import Reader, Record
from services.records.taken_part import TakenPart

MARKING = "OFFICIAL-SENSITIVE"
KINDS = {"minutes": "Minutes", "plan": "Plan", "decision": "Decision letter"}
HANDLING = "Keep this securely. Give it to nobody who is not entitled to it."
HANDLING_AT_HOME = "This is private. Keep it somewhere safe."
OWN_COPY = "This is your own copy. Parts that are not for you may have been left out."
PREVIEW = "preview, not approved"
NOT_FOR_SENDING = "This is a preview. Nobody has approved it: send it to nobody."
MARKED = "Some letters or signs cannot be printed here. Where one stood, square brackets say what it was."
COLUMNS = ("Who", "Invited", "Took part", "Report")

_BULLET = re.compile(r"\s*[-*•–]\s+(?=\S)")
_NUMBER = re.compile(r"\s*(\d{1,3})[.)]\s+(?=\S)")


def content(
    record: Record,
    copy: Copy,
    about: Around,
    policy: Policy,
    part: TakenPart,
    replaces: int | None = None,
    *,
    approved: bool = True,
) -> dict[str, Any]:
    """The document of one copy, but for whom it is made for. `replaces` is the version that it takes the place of. What
    is not `approved` says so on every page.
    """
    fit = Lettering(*FACES)
    reader, meeting = copy.reader, about.meeting
    kind = policy.on(meeting.day).kind(meeting.kind)
    by = "by the chair " if record.is_by_chair(meeting.chair) else ""
    day = say(london_date(record.approved_at))
    version = f"{record.version}, approved {by}on {day}" if approved else f"{record.version}, {PREVIEW}"
    facts = [("Meeting", fit.line(capital(kind.name))), ("Date", weekday(meeting.day))]
    if children := _children(reader, about, policy):
        facts.append(("Child" if len(children) == 1 else "Children", "\n".join(map(fit.line, children))))
    facts += [("Reference", reference(meeting.meeting_id)), ("Version", version)]
    notes = [OWN_COPY] if approved else [NOT_FOR_SENDING]
    if replaces is not None:
        notes.insert(0, f"Version {record.version} takes the place of version {replaces}. Please use this one.")
    found = {
        "marking": MARKING if approved else f"{MARKING}: {PREVIEW}",
        "handling": HANDLING_AT_HOME if reader.is_family else HANDLING,
        "author": fit.line(authority_name(meeting.authority)),
        "title": fit.line(f"{KINDS[record.kind]}: {kind.name}"),
        "reference": reference(meeting.meeting_id),
        "version": record.version,
        "facts": facts,
        "participants": {
            "heading": "Who was invited, and who took part",
            "columns": COLUMNS,
            "rows": [[fit.line(cell) for cell in row] for row in participants(reader, about, policy, part)],
        },
        "sections": [
            {"heading": fit.line(section.heading), "blocks": _set(section.text, fit)}
            for section in (record.sections[number] for number in copy.whole)
        ],
    }
    for_reader(about, policy, copy, fit)
    return found | {"notes": [*notes, MARKED] if fit.marked else notes}


def for_reader(about: Around, policy: Policy, copy: Copy, fit: Lettering | None = None) -> str:
    """Whom a copy is made for, as it stands on every page: an agency by name, a person by theirs."""
    reader = copy.reader
    name = reader.name if reader.is_family else f"{reader.name} ({policy.agency_name(reader.kind)})"
    team = next((each.name for each in _teams(reader, about) if each.team_id == reader.team_id), None)
    if team is not None:
        name = f"{reader.name}, {team} ({policy.agency_name(reader.kind)})"
    return (fit or Lettering(*FACES)).line(name)


def _teams(reader: Reader, about: Around) -> Sequence[Any]:
    agency = about.agencies.get(reader.agency_id or "")
    return agency.teams if agency is not None else ()


def file_name(record: Record, about: Around) -> str:
    """What the file is called: it says nothing of anyone."""
    return f"{record.kind}-{reference(about.meeting.meeting_id)}-v{record.version}.pdf"


def _children(reader: Reader, about: Around, policy: Policy) -> list[str]:
    """The children whom a reader's copy is about, each as this reader may know it."""
    known = [about.children[e] for e in about.meeting.child_ids if e in reader.child_ids and e in about.children]
    if reader.is_family:
        return [child.initials for child in known]
    found = []
    for child in known:
        told = told_of_child(policy, child, about.meeting, reader.kind)
        name = f"{told['initials']} ({told['preferred_name']})" if told["preferred_name"] else told["initials"]
        number = f"NHS number {told['nhs_number']}" if told["nhs_number"] else None
        found.append(", ".join(each for each in (name, told["age"], number) if each))
    return found


def participants(reader: Reader, about: Around, policy: Policy, part: TakenPart) -> list[tuple[str, str, str, str]]:
    """Who was asked and who took part, as far as a reader may be told; the teams of one agency stand together."""
    asks_for_reports = policy.on(about.meeting.day).kind(about.meeting.kind).report_before is not None
    rows: list[tuple[bool, tuple[str, str, str, str]]] = []
    for who, some in seen_by(reader, about.readers, about.matter).items():
        first = some[0][0]
        name = _name(some[0][1], first, reader, policy)
        invited = _invited(who, any(other.invited for other, _ in some), part)
        arrived = part.reports.get(first.agency_id or "")
        report = f"Arrived on {say(arrived)}" if arrived else "None arrived"
        if first.is_family or (arrived is None and not asks_for_reports):
            report = "Not asked for"
        rows.append((not first.is_family, (name, invited, _took_part(who, part), report)))
    return [row for _, row in sorted(rows, key=lambda each: (each[0], each[1][0].casefold(), each[1]))]


def _name(seen: Seen, other: Reader, reader: Reader, policy: Policy) -> str:
    if not other.is_family:
        kind = policy.agency_name(seen.kind)
        return f"{seen.name} ({kind})" if seen.name else capital(kind)
    what = capital(" and ".join(seen.relations))
    if party(other) == party(reader):
        return f"{what} (you)" if what else "You"
    return what or "Member of the family"


def _invited(who: str, was_to_be: bool, part: TakenPart) -> str:
    said = part.register.get(who)
    if who in part.asked or (said is not None and said.status == APOLOGIES):
        return "Yes"
    return "Not known to have arrived" if was_to_be else "No"


def _took_part(who: str, part: TakenPart) -> str:
    said = part.register.get(who)
    if said is None:
        return "Not recorded"
    if said.status == PRESENT:
        return f"Came, {said.how}" if said.how else "Came"
    if said.status == APOLOGIES:
        return "Sent apologies"
    assert said.status == ABSENT
    return "Did not come" if who in part.asked else "Was not asked"


def _set(text: str, fit: Lettering) -> Sequence[dict[str, Any]]:
    found, marked = _set_once(text)
    fit.marked |= marked
    return found


@lru_cache(maxsize=256)
def _set_once(text: str) -> tuple[Sequence[dict[str, Any]], bool]:
    """The blocks of a section, fit for print, and whether anything had to be named: alike in every copy."""
    fit = Lettering(*FACES)
    return blocks(fit.fit(text)), fit.marked


def blocks(text: str) -> list[dict[str, Any]]:
    """Text as paragraphs and lists: lines that begin with a dash or a dot are items, and so are lines that begin with a
    number, which keep theirs. Other lines stay lines; an empty one ends what it follows.
    """
    found: list[dict[str, Any]] = []
    kind = ""
    for line in text.split("\n"):
        if not line.strip():
            kind = "" if kind == "paragraph" else kind
            continue
        if number := _NUMBER.match(line):
            if kind != "numbers":
                found.append({"kind": "numbers", "items": []})
            found[-1]["items"].append([int(number[1]), _words(line[number.end() :])])
            kind = "numbers"
        elif bullet := _BULLET.match(line):
            if kind != "bullets":
                found.append({"kind": "bullets", "items": []})
            found[-1]["items"].append(_words(line[bullet.end() :]))
            kind = "bullets"
        elif kind in ("bullets", "numbers") and line[:1].isspace():
            _go_on(found[-1], _words(line))
        elif kind == "paragraph":
            found[-1]["text"] += f"\n{_words(line)}"
        else:
            found.append({"kind": "paragraph", "text": _words(line)})
            kind = "paragraph"
    return found


def _go_on(block: dict[str, Any], words: str) -> None:
    """Add a line that is set in to the item above it."""
    items = block["items"]
    if block["kind"] == "numbers":
        items[-1][1] += f"\n{words}"
    else:
        items[-1] += f"\n{words}"


def _words(line: str) -> str:
    return " ".join(line.split())
