"""What leaves the house, for many invented families at once: the letters as they went over SMTP, and the documents that
they carry or lead to, held against an oracle of its own.

`TEST_FAMILIES` sets how many families each store gets; by default few, since every one costs a second or so, and the
same is tried of ten thousand families without a database and of a thousand printed documents.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import date
from email.message import EmailMessage
from io import BytesIO
from random import Random
from typing import Any

import pytest
from pypdf import PdfReader

from services.bootstrap import House
from services.foundation.documents import Documents
from services.meetings import store as meetings
from services.records.rules.dispatch import DELIVERED, SENT, Dispatch
from services.records.store import dispatches
from tests import events
from tests.door import Embedded
from tests.mailbox import of_kind
from tests.unit.records.entitlement import bare, entitled
from tests.unit.records.families import CHAIR, AnEntry, ASection, Case, case

FAMILIES = int(os.environ.get("TEST_FAMILIES", "15"))
VERIFIED = date(2026, 2, 2)


def directory(of: Case, prefix: str) -> list[bytes]:
    """Everyone whom a case tells of."""
    found = []
    for agency_id, agency in of.agencies.items():
        channel = {"kind": "email", "address": agency.address, "secure": agency.secure, "verified_on": VERIFIED}
        found.append(
            events.agency(agency_id, agency.kind, name=agency.name, authority=f"{prefix}area", channels=[channel])
        )
    for child_id, child in of.children.items():
        placed = {"agency_id": child.placed_with, "authority": f"{prefix}area", "since": date(2025, 1, 1)}
        found.append(
            events.child(
                child_id,
                family_id=child.family,
                authority=f"{prefix}area",
                initials=child.initials,
                nhs=child.number,
                preferred_name=child.forename,
                placement=placed if child.placed_with else None,
                flags=["fabricated_or_induced_illness"] if child.flagged else [],
            )
        )
    for person_id, person in of.people.items():
        ties = [events.tie(each, kind, responsible) for each, (kind, responsible) in person.ties.items()]
        found.append(
            events.relative(
                person_id,
                family_id=f"{prefix}f1",
                relationship=ties,
                name=person.name,
                email=person.email,
                not_with=sorted(person.not_with),
            )
        )
    for entry in of.entries:
        if entry.who in of.agencies:
            kind = of.agencies[entry.who].kind
            found += [
                events.involvement(f"{each}+{entry.who}", person_id=each, agency_id=entry.who, service=kind)
                for each in entry.children
            ]
    return found


def the_meeting(of: Case, prefix: str) -> list[bytes]:
    """The meeting, what came back from it, and how it was held."""
    refused = [
        {"agency_id" if each in of.agencies else "person_id": each, "reason": reason, "note": "As agreed."}
        for each, reason in of.refused.items()
    ]
    about: dict[str, Any] = {"authority": f"{prefix}area", "children": list(of.about), "do_not_invite": refused}
    back = [each.address for each in of.agencies.values() if each.bounced]
    back += [each.email for each in of.people.values() if each.bounced and each.email]
    there = [{"agency_id" if each in of.agencies else "person_id": each, "status": "present"} for each in of.present]
    return [
        events.meeting(f"{prefix}m", of.kind, **about),
        *(events.bounced(f"{prefix}m", address=each) for each in back),
        events.held(f"{prefix}m", attendance=there),
    ]


def the_record(of: Case, prefix: str) -> bytes:
    """The record that was made of the meeting."""
    sections = [
        events.section(e.text, heading=e.heading, audience=_audience(e), children=e.children) for e in of.sections
    ]
    checked_by = None if of.checked_by == CHAIR.lower() else of.checked_by  # the contract refuses the other
    return events.record(
        f"{prefix}r",
        meeting_id=f"{prefix}m",
        version=of.version,
        approved_by=CHAIR,
        checked_by=checked_by,
        sections=sections,
    )


def _audience(of: ASection) -> object:
    return of.audience if of.audience in ("everyone", "professionals") else {of.audience: sorted(of.named)}


def letters(house: House) -> dict[str, list[str]]:
    """Everything that can be read in each letter about a record, by the dispatch that it is of."""
    found: dict[str, list[str]] = {}
    for message in of_kind(house.settings.home, "record"):
        found[str(message["Message-ID"]).strip("<>").split(".record@")[0]] = list(_read(message))
    return found


def _read(message: EmailMessage) -> Iterable[str]:
    yield from (f"{name}: {value}" for name, value in message.items())
    for part in message.walk():
        yield from (str(part.get_filename() or ""), str(part["Content-Type"]))
        if part.get_content_type() == "application/pdf":
            yield pdf(part.get_content())
        elif not part.is_multipart():
            yield str(part.get_content())


def pdf(content: bytes) -> str:
    """Everything that can be read in a document: its pages, and what it says of itself."""
    document = PdfReader(BytesIO(content))
    said = [str(document.metadata), str(document.xmp_metadata and document.xmp_metadata.rdf_root.toxml())]
    return " ".join([*said, *(page.extract_text() for page in document.pages)])


@pytest.mark.slow
async def test_nothing_that_leaves_holds_what_its_reader_may_not_have_and_all_that_they_may(
    house: House, counted: Callable[[str], None]
) -> None:
    door, chance = Embedded(house), Random(20_260_401)
    cases = {f"n{number}.": case(chance, prefix=f"n{number}.") for number in range(FAMILIES)}
    for prefix, of in cases.items():
        await door.take(*directory(of, prefix))
        await door.take(*the_meeting(of, prefix)[:1])
        await door.take(*the_meeting(of, prefix)[1:])
        await door.take(the_record(of, prefix))
    await house.drain()
    out, kept = letters(house), Documents(house.settings.documents_folder)
    read, family = 0, 0
    for prefix, of in cases.items():
        standing = await made(house, of, prefix)
        for who, some in standing.items():
            may = entitled(of, who)
            sent = [each for each in some if each.state in (SENT, DELIVERED)]
            assert bool(sent) == bool(may.marks), (prefix, who)
            for each in sent:
                written = bare(" ".join([*out[each.dispatch_id], pdf(kept.read(each.document_id or ""))]))
                assert not [one for one in may.forbidden if one in written], (prefix, who)
                assert all(bare(one) in written for one in may.marks), (prefix, who)
                read, family = read + 1, family + (who in of.people)
    counted(f"{read} documents of {FAMILIES} families were read, {family} of them made for family")
    assert read > 3 * FAMILIES
    assert family >= FAMILIES // 5


async def made(house: House, of: Case, prefix: str) -> dict[str, list[Dispatch]]:
    """What was made for whom; the case is told who was asked in the end, and for which children."""
    async with house.database.read() as db:
        entries = (await meetings.entries_of(db, [f"{prefix}m"]))[f"{prefix}m"]
        some = (await dispatches.about(db, [f"{prefix}r"])).get(f"{prefix}r", [])
    of.entries = [
        AnEntry(entry.agency_id or entry.person_id or "", entry.child_ids, entry.why_not)
        for entry in entries.values()
        if (entry.agency_id or entry.person_id) in {**of.agencies, **of.people}
    ]
    found: dict[str, list[Dispatch]] = {}
    for each in some:
        who = each.agency_id or each.person_id or ""
        if who in of.children:
            assert each.document_id is None, "a child who is not on record as a person has given no address"
            continue
        found.setdefault(who, []).append(each)
    return found
