"""The records of meetings: drafted in Word, looked at before they go, approved, taken back, and where each copy is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from services.bootstrap import House
from services.cli.deadletters import user
from services.cli.files import named, opened
from services.cli.opening import AsOf, run
from services.cli.terminal import AsJson, fail, out, print_json, tell
from services.foundation.work import Work
from services.records import approving
from services.records.approving import Given, MayNot, Read, new_record_id
from services.records.preview import Preview, called, changes, differences, foresee, in_words, print_all
from services.records.printing import CannotPrint
from services.records.readers import around
from services.records.rules.record import Record
from services.records.shown import shown_record
from services.records.store import records as store
from services.records.word.draft import draft as write_draft
from services.records.word.form import LARGEST
from services.records.word.package import NotRead
from services.records.word.read import DoesNotFit, Fault

record = typer.Typer(
    help="The records of meetings: draft one in Word, see who would get what, approve it, and see where each copy is.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

T = TypeVar("T")
Kind = Literal["minutes", "plan", "decision"]
RecordId = Annotated[str, typer.Argument(metavar="RECORD")]


@record.command("draft")
def draft_record(
    meeting: Annotated[str, typer.Argument(metavar="MEETING")],
    kind: Annotated[Kind, typer.Option("--kind", help="What it is to be.")] = "minutes",
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write it; - is standard output.")
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Write a Word document to fill in for a meeting; where a version was approved, its text stands in it.

    A section is a heading with two lines below it that say whom it is for, and which children it is about. A file that
    is there already is left as it is.
    """

    async def go(house: House) -> tuple[bytes, dict[str, Any]]:
        policy = house.intake.policy
        async with house.database.read() as db:
            about = (await around(db, policy, [meeting])).get(meeting)
            if about is None:
                fail(f"no meeting {meeting} is known")
            known = [each for each in (await store.of_meetings(db, [meeting])).get(meeting, ()) if each.kind == kind]
        ids = sorted({each.record_id for each in known})
        if len(ids) > 1:
            fail(f"this meeting has several records of that kind: {', '.join(ids)}")
        before = max(known, key=lambda each: each.version, default=None)
        record_id = before.record_id if before else new_record_id(meeting, kind)
        version = before.version + 1 if before else 1
        made = {"record_id": record_id, "meeting_id": meeting, "kind": kind, "version": version}
        return write_draft(about, policy, kind, record_id, version, before), made

    if output == "-" and as_json:
        fail("--json and -o - both write to standard output: give a FILE", 2)
    content, made = run(go, as_of)
    if output == "-":
        sys.stdout.buffer.write(content)
        return
    path = Path(output or f"{made['record_id'].replace(':', '-')}-v{made['version']}.docx")
    try:
        with path.open("xb") as file:
            path.chmod(0o600)
            file.write(content)
    except FileExistsError:
        fail(f"{named(str(path))} is there already: give another name with -o, or move it away")
    except OSError as wrong:
        fail(f"{named(str(path))}: cannot be written: {wrong.strerror}")
    if as_json:
        print_json(made | {"file": str(path)})
    else:
        out.print(f"{path}: {kind} {made['record_id']}, version {made['version']}", markup=False, soft_wrap=True)


@record.command("preview")
def preview_record(
    what: Annotated[str, typer.Argument(metavar="FILE|RECORD", help="A Word document, or an approved record by id.")],
    folder: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Write each reader's copy there.")] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show who would get what: each reader's copy, what is left out of it and why. Nothing is stored or sent.

    The exit status is 1 where the document does not fit: then every place that does not is named.
    """
    content = _content(what) if what == "-" or Path(what).is_file() else None

    async def go(house: House) -> tuple[Preview, Mapping[str, Path]]:
        async with house.database.read() as db:
            work = house.intake.work(db)
            found = await foresee(work, await the_record(work, what, content))
        return found, print_all(found, house.intake.policy, folder) if folder else {}

    found, files = _or_faults(lambda: run(go, as_of), as_json)
    if as_json:
        document = found.document()
        for each, foreseen in zip(document["copies"], found.foreseen, strict=True):
            if foreseen.copy.reader.party in files:
                each["file"] = str(files[foreseen.copy.reader.party])
        print_json(document)
        return
    show_preview(found)
    for path in files.values():
        out.print(str(path), markup=False, soft_wrap=True)


async def the_record(work: Work, what: str, content: bytes | None) -> Record:
    """The record that a document is, or the newest version of one that was approved."""
    if content is not None:
        return approving.proposed(await approving.read(work.db, work.policy, content), None, work.now)
    versions = (await store.of_records(work.db, [what])).get(what)
    if not versions:
        fail(f"there is no file {named(what)}, and no record of that name", 2)
    return versions[max(versions)]


def _content(file: str) -> bytes:
    with opened(file) as source:
        try:
            return source.read(LARGEST + 1)
        except OSError as wrong:
            fail(f"{named(file)}: cannot be read: {wrong.strerror}")


def _or_faults(do: Callable[[], T], as_json: bool) -> T:
    """Do something with a document; where it is none, does not fit, or is not for this person to approve, say so."""
    try:
        return do()
    except MayNot as wrong:
        fail(str(wrong), 2)
    except NotRead as wrong:
        faults: tuple[Fault, ...] = (Fault(f"the document {wrong}"),)
    except DoesNotFit as wrong:
        faults = wrong.faults
    except CannotPrint:
        fail("a copy of it cannot be printed, and could not be sent: look for unusual signs in its words or in names")
    except FileExistsError as wrong:
        fail(f"{wrong.filename} is there already: give an empty folder")
    except OSError as wrong:
        fail(f"{wrong.filename}: cannot be written: {wrong.strerror}")
    if as_json:
        names = ("section", "heading", "line")
        print_json(
            {
                "faults": [
                    {n: v for n in names if (v := getattr(each, n)) is not None} | {"message": each.message}
                    for each in faults
                ]
            }
        )
    for each in faults:
        tell(str(each))
    fail(f"not a record yet: {len(faults)} {'thing' if len(faults) == 1 else 'things'} to put right")


def show_preview(found: Preview) -> None:
    """Who would get what, on a terminal."""
    about = found.record
    before = f", after version {found.before.version} of {found.before.approved_at:%Y-%m-%d}" if found.before else ""
    out.print(
        f"{about.kind.capitalize()} {about.record_id} of meeting {about.meeting_id}, version {about.version}{before}",
        markup=False,
    )
    for change in changes(found.before, about):
        out.print(f"  {change}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("who", max_width=28, overflow="fold")
    table.add_column("gets", overflow="fold")
    table.add_column("left out, and why", overflow="fold")
    for each in found.foreseen:
        headings = [section.heading for section in about.sections]
        gets = in_words(each)
        if each.goes:
            gets += "".join(f"\n{number + 1} {headings[number]}" for number in each.copy.whole)
        left = [
            f"{decided.number + 1} {headings[decided.number]}: {decided.text}"
            for decided in each.copy.sections
            if decided in each.held_back or (decided.why_not is not None and each.why_not is None)
        ]
        table.add_row(Text(called(each.copy.reader, found.about)), Text(gets), Text("\n".join(left)))
    out.print(table)
    for warning in found.warnings():
        out.print(f"For a person: {warning}", markup=False)
    if about.checked_by == approving.SECOND_PERSON:
        out.print("The family's copies go once a second person has checked them: approve it with --checked-by.")


@record.command("approve")
def approve_record(
    file: Annotated[str, typer.Argument(metavar="FILE")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves it: the chair.")],
    checked_by: Annotated[
        str | None,
        typer.Option("--checked-by", metavar="NAME", help="The second person, who has looked at what the family gets."),
    ] = None,
    in_place: Annotated[
        str | None,
        typer.Option("--in-place-of-chair", metavar="REASON", help="Why somebody approves it who is not the chair."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the preview has been looked at.")] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Approve a record that was written in Word: it is shown who gets what, and asked; then the copies go their way.

    The same document twice is one approval. One that says something else than the version approved last becomes the
    next version. Without --checked-by nothing goes to family.
    """
    given = Given(_name(by, "--by"), _name(checked_by, "--checked-by"), _name(in_place, "--in-place-of-chair"))
    if not yes:
        _must_be_there_to_ask(file, as_json)
    content = _content(file)

    async def look(house: House) -> tuple[Read, Preview]:
        async with house.database.read() as db:
            work = house.intake.work(db)
            found = await approving.read(db, work.policy, content)
            approving.must_be_allowed(found.about, given)
            return found, await foresee(work, approving.proposed(found, given, work.now))

    async def do(house: House) -> tuple[str, Record]:
        found, now = await look(house)
        meant = now.record
        _must_be_as_shown(seen, now, shown=not yes)
        if meant is found.newest:
            return "known", meant
        verdict = await approving.approve(house.intake, meant, given, found.about, user())
        if verdict.state == "rejected":
            fail("; ".join(f"{error.path}: {error.message}" for error in verdict.errors))
        await _must_stand(house, meant)
        return verdict.state, meant

    _, seen = _or_faults(lambda: run(look, as_of), as_json)
    if not as_json:
        show_preview(seen)
    if not yes and not typer.confirm("Approve it, and send these copies?"):
        fail("not approved")
    state, done = _or_faults(lambda: run(do, as_of), as_json)
    if as_json:
        print_json({"state": state, "record_id": done.record_id, "version": done.version})
    elif state == "known":
        out.print(f"version {done.version} of {done.record_id} was approved before: nothing to do", markup=False)
    else:
        out.print(f"version {done.version} of {done.record_id} is approved", markup=False)


def _must_be_as_shown(seen: Preview, now: Preview, *, shown: bool) -> None:
    """What is approved is what was looked at: the same version and, where somebody was shown it and asked, the same
    readers, who get the same parts in the same way at the same address.
    """
    if (now.record.version, now.record.sections) != (seen.record.version, seen.record.sections):
        fail("something was approved meanwhile: look at the preview again")
    if shown and (others := differences(seen, now)):
        for each in others:
            tell(f"Now: {each}")
        fail("things have changed since it was shown: look again")


async def _must_stand(house: House, meant: Record) -> None:
    """Of two approvals at once the first one counts: who gave the other is not told that it was approved."""
    async with house.database.read() as db:
        if not await approving.stands(db, meant):
            number = f"version {meant.version} of {meant.record_id}"
            fail(f"something else was approved under that number ({number}), and this goes to nobody: draft anew")


def _must_be_there_to_ask(file: str, as_json: bool) -> None:
    if as_json:
        fail("--json asks nothing: look at the preview first, and give --yes", 2)
    if file == "-" or not sys.stdin.isatty():
        fail("nobody is there to be asked: look at the preview first, and give --yes", 2)


def _name(text: str | None, option: str) -> Any:
    if text is None:
        return None
    said = " ".join(text.split())
    if not said or not said.isprintable() or len(said) > 500:
        fail(f"{option}: write a name or words on one line", 2)
    return said


@record.command("recall")
def recall_record(
    record_id: RecordId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is taken back.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who takes it back.")],
    version: Annotated[int | None, typer.Option("--version", min=1, help="This version alone.")] = None,
    agency: Annotated[str | None, typer.Option("--agency", metavar="ID", help="From this agency alone.")] = None,
    person: Annotated[str | None, typer.Option("--person", metavar="ID", help="From this person alone.")] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Take back what was sent of a record: links no longer open, what waits does not go, and who has it is told."""
    said = {"reason": _name(reason, "--reason"), "by": _name(by, "--by")}
    if agency is not None and person is not None:
        fail("give --agency or --person, not both", 2)
    given = {"version": version, "agency_id": agency, "person_id": person}
    data = said | {name: value for name, value in given.items() if value is not None}

    async def go(house: House) -> tuple[str, int]:
        async with house.database.read() as db:
            versions = (await store.of_records(db, [record_id])).get(record_id, {})
            if not versions:
                fail(f"there is no record {record_id}")
            if version is not None and version not in versions:
                fail(f"record {record_id} has no version {version}")
            newest = versions[max(versions)]
            about = (await around(db, house.intake.policy, [newest.meeting_id]))[newest.meeting_id]
            found = await shown_record(db, house.intake.policy, record_id)
        assert found is not None
        has = [each for each in found["copies"] if each.get("agency_id") == agency and each.get("person_id") == person]
        if (agency or person) and not has:
            fail(f"{agency or person} was sent nothing of record {record_id}")
        verdict = await approving.recall(house.intake, newest, about, data, user())
        if verdict.state == "rejected":
            fail("; ".join(f"{error.path}: {error.message}" for error in verdict.errors))
        return verdict.state, newest.version

    state, _ = run(go, as_of)
    if as_json:
        print_json({"state": state, "record_id": record_id} | given)
    else:
        whom = f" from {agency or person}" if agency or person else ""
        what = f"version {version} of {record_id}" if version else record_id
        out.print(f"{what} is taken back{whom}", markup=False)


@record.command("show")
def show_record(record_id: RecordId, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Show the versions of a record and where each copy is: sent, opened, filed; who has nothing, and why."""

    async def go(house: House) -> dict[str, Any]:
        async with house.database.read() as db:
            found = await shown_record(db, house.intake.policy, record_id)
        if not found:
            fail(f"there is no record {record_id}")
        return found

    found = run(go, as_of)
    if as_json:
        print_json(found)
        return
    out.print(f"{found['kind'].capitalize()} {record_id} of meeting {found['meeting_id']}", markup=False)
    for each in found["versions"]:
        checked = f", checked by {each['checked_by']}" if "checked_by" in each else ""
        out.print(
            f"version {each['version']}: approved by {each['approved_by']} on {each['approved_at'][:10]}{checked}",
            markup=False,
        )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("who", max_width=28, overflow="fold")
    table.add_column("version", justify="right")
    table.add_column("state", overflow="fold")
    table.add_column("opened", justify="right")
    for each in found["copies"]:
        table.add_row(Text(each["name"]), str(each["version"]), Text(each["text"]), str(len(each["openings"])))
    out.print(table)
