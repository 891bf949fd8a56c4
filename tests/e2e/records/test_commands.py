"""`quorate record draft|preview|approve|recall|show`, as a coordinator meets them: from a meeting to all its copies."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import Result

from services.cli import records as cli
from services.cli import terminal
from services.intake.accept import Arrival, Intake, Verdict
from services.records import approving
from services.records.printing import CannotPrint, Printer
from tests import events
from tests.command import quorate
from tests.pdf import text_of
from tests.word import Section, inside, parts_of, written

NOW = events.MEETING_AT + timedelta(hours=6)
AS_OF = ("--as-of", NOW.isoformat())
BY = ("--by", "Verity Coldstream")
CHECKED = ("--checked-by", "Ann Other")
SECTIONS: list[Section] = [
    ("Why we met", "everyone", "", ["He was not at school.", "* Since June", "* Zoë and 子 too"]),
    ("Risks", "professionals", "", ["Police checks were read out."]),
    ("Health", "only: Riverside CAMHS", "AB", ["The waiting list is reviewed in May."]),
    ("What mother said alone", "all but: Lucas Thornbury", "", ["She is afraid."]),
]


def printed(*words: object, status: int = 0) -> Any:
    done = quorate(*words, *AS_OF, "--json")
    assert done.exit_code == status, done.stderr
    return json.loads(done.stdout)


def secure(address: str) -> list[dict[str, Any]]:
    return [events.secure(address, verified_on=date(2026, 1, 5))]


def ingest(folder: Path, *some: bytes) -> None:
    file = folder / "events.ndjson"
    file.write_bytes(b"\n".join(some))
    assert quorate("ingest", file, *AS_OF).exit_code == 0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A conference that was held, about one of whose parents nothing is to be known to the other."""
    monkeypatch.setenv("QUORATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(terminal.out, "_width", 240)
    ingest(
        tmp_path,
        events.agency("camhs-1", name="Riverside CAMHS", channels=secure("in@camhs.example")),
        events.agency("police-1", name="County Police", channels=secure("in@police.example")),
        events.agency("gp-1", name="Mill Lane Surgery", channels=[]),
        events.child("c1"),
        events.relative("p1", name="Dana Bellweather"),
        events.relative("p2", name="Lucas Thornbury", relationship=[events.tie(kind="father")]),
        events.involvement(agency_id="camhs-1", status="waiting"),
        events.involvement(agency_id="police-1"),
        events.involvement(agency_id="gp-1"),
        events.meeting("m1", chair={"name": "Verity Coldstream", "email": "chair@council.gov.example"}),
    )
    assert quorate("drain", "--as-of", events.NOW.isoformat()).exit_code == 0
    ingest(tmp_path, events.held(attendance=[events.attended("camhs-1"), events.attended("police-1", "apologies")]))
    return tmp_path


def drafted(home: Path, sections: list[Section] = SECTIONS, name: str = "draft.docx", **spoilt: Any) -> Path:
    """A draft of the meeting's minutes with these sections in it."""
    assert quorate("record", "draft", "m1", "-o", home / name, *AS_OF).exit_code == 0
    file = home / f"filled-{name}"
    file.write_bytes(written((home / name).read_bytes(), sections, **spoilt))
    return file


def test_a_draft_says_what_is_known_and_leaves_open_what_is_to_be_decided(home: Path) -> None:
    made = printed("record", "draft", "m1", "--kind", "plan")
    assert made == {
        "record_id": "m1.plan",
        "meeting_id": "m1",
        "kind": "plan",
        "version": 1,
        "file": "m1.plan-v1.docx",
    }
    file = home / made["file"]
    assert file.stat().st_mode & 0o077 == 0
    text = parts_of(file.read_bytes())["word/document.xml"].decode()
    for known in ("Riverside CAMHS", "camhs-1", "asked, was there", "asked, sent apologies", "AB (c1)", "Version: 1"):
        assert known in text
    for question in ("What is working well?", "What are we worried about?", "What needs to happen?"):
        assert question in text
    again = quorate("record", "draft", "m1", "--kind", "plan", *AS_OF)
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    told = quorate("record", "preview", file, *AS_OF)
    assert told.exit_code == 1
    assert "section 1 “What is working well?”, line “For:”: says nothing" in told.stderr
    assert quorate("record", "draft", "m9", *AS_OF).exit_code == 1


def test_the_preview_says_who_would_get_what_and_sends_nothing(home: Path) -> None:
    file = drafted(home)
    found = printed("record", "preview", file, "--out", home / "copies")
    copies = {each["name"]: each for each in found["copies"]}
    whole = {name: [s["number"] for s in each["sections"] if s["whole"]] for name, each in copies.items()}
    assert whole["Riverside CAMHS"] == [1, 2, 3, 4]
    assert whole["County Police"] == [1, 2, 4]
    assert whole["Dana Bellweather"] == [1, 4]
    assert whole["Lucas Thornbury"] == [1]
    assert (copies["Riverside CAMHS"]["how"], copies["Dana Bellweather"]["how"]) == ("attachment", "link")
    assert (copies["Mill Lane Surgery"]["goes"], copies["Mill Lane Surgery"]["why_not"]) == (False, "no_address")
    [left] = [each for each in copies["Lucas Thornbury"]["sections"] if each["number"] == 4]
    assert (left["why_not"], left["text"]) == ("excluded", "They are excluded from this part.")
    assert [each for each in found["for_a_person"] if "Mill Lane Surgery" in each]
    for name in ("Lucas Thornbury", "County Police"):
        text = text_of(Path(copies[name]["file"]).read_bytes())
        assert "He was not at school." in text
        assert ("She is afraid." in text, "Police checks" in text) == (name == "County Police", name == "County Police")
        assert "waiting list" not in text
        assert (text.count("preview, not approved") > 1, "approved by the chair" in text) == (True, False)
    assert "file" not in copies["Mill Lane Surgery"]
    assert not [path for path in (home / "home" / "mailbox").iterdir() if b".record@" in path.read_bytes()]
    assert quorate("record", "show", "m1.minutes", *AS_OF).exit_code == 1
    full = quorate("record", "preview", file, "--out", home / "copies", *AS_OF)
    assert (full.exit_code, "is there already" in full.stderr) == (1, True)
    seen = quorate("record", "preview", file, *AS_OF).stdout
    assert "2 Risks: It is for professionals." in seen


def test_who_gets_nothing_for_what_a_section_seems_to_give_away_is_listed_with_the_kind_of_it(home: Path) -> None:
    file = drafted(home, [("What was decided", "everyone", "", ["If you disagree, ring Sam Field on 0116 496 0123."])])
    found = printed("record", "preview", file)
    copies = {each["name"]: each for each in found["copies"]}
    for name in ("Dana Bellweather", "Lucas Thornbury"):
        assert (copies[name]["goes"], copies[name]["why_not"]) == (False, "all_held_back")
        warnings = [each for each in found["for_a_person"] if each.startswith(f"{name}: ")]
        assert warnings[0] == f"{name}: nothing goes to them, since all that would be theirs is left out."
        assert "section 1 “What was decided” is left out: It seems to give away a telephone number" in warnings[1]
    assert not [each for each in found["for_a_person"] if "0123" in each]
    seen = quorate("record", "preview", file, *AS_OF).stdout
    assert seen.count("1 What was decided: It seems to give away a telephone number") == 2


def test_the_preview_says_what_becomes_of_an_earlier_copy_and_of_none_to_whoever_has_none(home: Path) -> None:
    both: list[Section] = [("Past", "all but: p2", "", ["It was hard."]), ("Now", "all but: p2", "", ["It is better."])]
    assert quorate("record", "approve", drafted(home, both), *BY, *CHECKED, "--yes", *AS_OF).exit_code == 0
    assert quorate("drain", *AS_OF).exit_code == 0
    ring = "Ring Sam Field on 0116 496 0123."
    told = []
    for past in ("everyone", "professionals"):
        file = drafted(home, [("Past", past, "", [ring]), ("Now", "everyone", "", [ring])], f"{past}.docx")
        told += [each for each in printed("record", "preview", file)["for_a_person"] if "nothing goes to them" in each]
    nothing = "nothing goes to them, since all that would be theirs is left out."
    assert told == [
        f"Dana Bellweather: {nothing} What they have is not asked back; a link to it opens no more.",
        f"Lucas Thornbury: {nothing}",
        f"Dana Bellweather: {nothing} The copy that they have is taken back.",
        f"Lucas Thornbury: {nothing}",
    ]


def test_a_copy_that_cannot_be_printed_is_told_of_in_words(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bytes:
        raise CannotPrint("TypstError")

    monkeypatch.setattr(Printer, "print", fails)
    told = quorate("record", "preview", drafted(home), "--out", home / "copies", *AS_OF)
    assert (told.exit_code, "cannot be printed" in told.stderr) == (1, True)


@pytest.mark.parametrize("state", ["scheduled", "cancelled", "held"])
def test_a_person_is_warned_of_a_record_of_a_meeting_that_is_not_known_to_have_been_held(
    home: Path, state: str
) -> None:
    ingest(home, events.meeting("m2", starts_at=events.MEETING_AT + timedelta(days=60)))
    if state == "cancelled":
        ingest(home, events.cancelled("m2"))
    if state == "held":
        ingest(home, events.held("m2"))
    assert quorate("record", "draft", "m2", "-o", home / "other.docx", *AS_OF).exit_code == 0
    file = home / "other-filled.docx"
    file.write_bytes(written((home / "other.docx").read_bytes(), SECTIONS[:2]))
    expected = (
        f"The meeting is not known to have been held: it is on record as {state}, on 31 May 2026. "
        "See that it is the one that is meant."
    )
    warned = [each for each in printed("record", "preview", file)["for_a_person"] if "have been held" in each]
    assert warned == ([expected] if state != "held" else [])
    shown = quorate("record", "approve", file, *BY, *CHECKED, "--yes", *AS_OF).stdout
    assert ("For a person: The meeting is not known to have been held" in shown) is (state != "held")


def test_an_approved_document_goes_to_each_reader_and_twice_is_once(home: Path) -> None:
    file = drafted(home)
    first = printed("record", "approve", file, *BY, *CHECKED, "--yes")
    assert first == {"state": "accepted", "record_id": "m1.minutes", "version": 1}
    assert printed("record", "approve", file, *BY, *CHECKED, "--yes")["state"] == "known"
    assert quorate("drain", *AS_OF).exit_code == 0
    found = printed("record", "show", "m1.minutes")
    assert {each["name"]: each["state"] for each in found["copies"]} == {
        "Riverside CAMHS": "sent",
        "County Police": "sent",
        "Mill Lane Surgery": "withheld",
        "Dana Bellweather": "sent",
        "Lucas Thornbury": "sent",
        "AB": "withheld",
    }
    assert [(v["approved_by"], v["checked_by"]) for v in found["versions"]] == [("Verity Coldstream", "Ann Other")]
    letters = [p for p in (home / "home" / "mailbox").iterdir() if b".record@" in p.read_bytes()]
    assert len(letters) == 4
    for copy in printed("record", "preview", "m1.minutes", "--out", home / "approved")["copies"]:
        if "file" in copy:
            text = text_of(Path(copy["file"]).read_bytes())
            assert ("approved by the chair" in text, "not approved" in text) == (True, False)
    assert "sent" in quorate("record", "show", "m1.minutes", *AS_OF).stdout


def test_another_text_is_the_next_version_and_its_draft_begins_with_the_last(home: Path) -> None:
    printed("record", "approve", drafted(home), *BY, *CHECKED, "--yes")
    made = printed("record", "draft", "m1", "-o", home / "second.docx")
    assert made["version"] == 2
    unchanged = printed("record", "approve", home / "second.docx", *BY, *CHECKED, "--yes")
    assert (unchanged["state"], unchanged["version"]) == ("known", 1)
    corrected = home / "corrected.docx"
    changed: list[Section] = [("Why we met", "everyone", "", ["He was at school."]), *SECTIONS[1:3]]
    corrected.write_bytes(written((home / "second.docx").read_bytes(), changed))
    seen = printed("record", "preview", corrected)
    assert (seen["version"], seen["replaces"]) == (2, 1)
    assert seen["changes"] == ["gone: What mother said alone", "text changed: Why we met"]
    assert quorate("drain", *AS_OF).exit_code == 0
    corrected.write_bytes(
        written(
            (home / "second.docx").read_bytes(), [*SECTIONS[:2], ("Health", "only: camhs-1", "", ["May."]), SECTIONS[3]]
        )
    )
    some = {each["name"]: each for each in printed("record", "preview", corrected)["copies"]}
    assert (some["Riverside CAMHS"]["goes"], some["County Police"]["goes"]) == (True, False)
    assert some["County Police"]["kept"] is True
    corrected.write_bytes(written((home / "second.docx").read_bytes(), changed))
    assert printed("record", "approve", corrected, *BY, *CHECKED, "--yes")["version"] == 2


def test_nobody_checks_what_they_approved_and_nobody_approves_in_the_chairs_place_unsaid(home: Path) -> None:
    file = drafted(home)
    same = quorate("record", "approve", file, *BY, "--checked-by", " verity  COLDSTREAM", "--yes", *AS_OF)
    assert (same.exit_code, "second person" in same.stderr) == (2, True)
    short = quorate("record", "approve", file, *BY, "--checked-by", "Ver. Coldstream", "--yes", *AS_OF)
    assert (short.exit_code, "Give both names in full" in short.stderr) == (2, True)
    other = quorate("record", "approve", file, "--by", "Pat Coordinator", "--yes", *AS_OF)
    assert (other.exit_code, "--in-place-of-chair REASON" in other.stderr) == (2, True)
    unasked = quorate("record", "approve", file, *BY, *AS_OF)
    assert (unasked.exit_code, "give --yes" in unasked.stderr) == (2, True)
    assert quorate("record", "show", "m1.minutes", *AS_OF).exit_code == 1
    reason = ("--in-place-of-chair", "The chair is ill.")
    done = printed("record", "approve", file, "--by", "Pat Coordinator", *CHECKED, *reason, "--yes")
    assert done["state"] == "accepted"


def answered(monkeypatch: pytest.MonkeyPatch, file: Path, meanwhile: Callable[[], None]) -> Result:
    """Somebody is shown what goes to whom, and says yes after a while."""

    def yes(_: str) -> bool:
        meanwhile()
        return True

    monkeypatch.setattr(cli, "_must_be_there_to_ask", lambda *_: None)
    monkeypatch.setattr(typer, "confirm", yes)
    return quorate("record", "approve", file, *BY, *CHECKED, *AS_OF)


def test_what_is_approved_is_what_was_shown_or_it_is_looked_at_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, later = drafted(home), events.NOW + timedelta(minutes=1)
    moved = events.relative("p1", name="Dana Bellweather", email="new@elsewhere.example", time=later)
    told = answered(monkeypatch, file, lambda: ingest(home, moved))
    assert told.exit_code == 1
    assert "things have changed since it was shown: look again" in told.stderr
    assert "Now: Dana Bellweather: by a link, to new@elsewhere.example, sections 1, 4" in told.stderr
    assert told.stderr.count("Now:") == 1
    assert quorate("record", "show", "m1.minutes", *AS_OF).exit_code == 1
    done = answered(monkeypatch, file, lambda: ingest(home, moved))
    assert (done.exit_code, "version 1 of m1.minutes is approved" in done.stdout) == (0, True)


def test_who_may_approve_it_is_asked_again_when_it_is_approved(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chair = {"name": "Sam Hale", "email": "sam@council.gov.example"}
    another = events.meeting("m1", chair=chair, time=events.NOW + timedelta(minutes=1))
    told = answered(monkeypatch, drafted(home), lambda: ingest(home, another))
    assert (told.exit_code, "the chair of this meeting is Sam Hale" in told.stderr) == (2, True)
    assert quorate("record", "show", "m1.minutes", *AS_OF).exit_code == 1


def test_of_two_texts_approved_at_once_the_second_is_not_called_approved(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve = approving.approve
    text = [events.section("Another text.", heading="Why we met")]
    other = events.record("m1.minutes", approved_by="Verity Coldstream", sections=text, time=NOW)

    async def overtaken(intake: Intake, *others: Any) -> Verdict:
        [verdict] = await intake.accept([Arrival(other, {})])
        assert verdict.state == "accepted"
        return await approve(intake, *others)

    monkeypatch.setattr(approving, "approve", overtaken)
    told = quorate("record", "approve", drafted(home), *BY, *CHECKED, "--yes", *AS_OF)
    assert (told.exit_code, "is approved" in told.stdout) == (1, False)
    assert "something else was approved under that number (version 1 of m1.minutes)" in told.stderr
    assert "draft anew" in told.stderr
    assert printed("record", "draft", "m1", "-o", home / "anew.docx")["version"] == 2
    [stands] = printed("record", "show", "m1.minutes")["versions"]
    assert stands["approved_by"] == "Verity Coldstream"


def test_what_nobody_has_checked_goes_to_no_family_until_somebody_has(home: Path) -> None:
    file = drafted(home)
    printed("record", "approve", file, *BY, "--yes")
    assert quorate("drain", *AS_OF).exit_code == 0
    before = {each["name"]: each["state"] for each in printed("record", "show", "m1.minutes")["copies"]}
    assert (before["Dana Bellweather"], before["County Police"]) == ("withheld", "sent")
    checked = printed("record", "approve", file, *BY, *CHECKED, "--yes")
    assert (checked["state"], checked["version"]) == ("accepted", 1)
    assert quorate("drain", *AS_OF).exit_code == 0
    after = {each["name"]: each["state"] for each in printed("record", "show", "m1.minutes")["copies"]}
    assert (after["Dana Bellweather"], after["County Police"]) == ("sent", "sent")


def test_a_document_that_does_not_fit_is_refused_whole_with_every_place(home: Path) -> None:
    def spoil(paper: Any) -> None:
        inside("She is afraid.", "<w:r><w:rPr><w:vanish/></w:rPr><w:t>Her new address.</w:t></w:r>")(paper)
        inside("He was not at school.", '<w:del w:id="1" w:author="x"><w:r><w:delText>Sir</w:delText></w:r></w:del>')(
            paper
        )

    file = drafted(home, [*SECTIONS, ("Plan", "only: CAMSH", "ZZ", ["x"])], spoil=spoil)
    for command in (("preview", file), ("approve", file, *BY, "--yes")):
        told = printed("record", *command, status=1)
        assert [(each["section"], each.get("line")) for each in told["faults"]] == [
            (1, None),
            (4, None),
            (5, "Children"),
            (5, "For"),
        ]
        assert "write Riverside CAMHS (camhs-1)" in told["faults"][-1]["message"]
    said = quorate("record", "preview", file, *AS_OF)
    assert "4 things to put right" in said.stderr
    assert "Her new address" not in said.output
    for content in (b"", b"PK", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 80):
        file.write_bytes(content)
        assert quorate("record", "preview", file, *AS_OF).exit_code == 1
    assert quorate("record", "preview", home / "none.docx", *AS_OF).exit_code == 2


def test_a_document_of_another_meeting_or_record_is_refused(home: Path) -> None:
    ingest(home, events.meeting("m2"), events.record("m1.minutes", meeting_id="m2"))
    told = printed("record", "preview", drafted(home), status=1)
    assert [each["line"] for each in told["faults"]] == ["Meeting"]
    other = (home / "draft.docx").read_bytes().replace(b"m1", b"m8")
    (home / "other.docx").write_bytes(other)
    assert quorate("record", "preview", home / "other.docx", *AS_OF).exit_code == 1


def test_what_was_sent_is_taken_back_from_one_or_from_everyone(home: Path) -> None:
    printed("record", "approve", drafted(home), *BY, *CHECKED, "--yes")
    assert quorate("drain", *AS_OF).exit_code == 0
    why = ("--reason", "It names another child.", "--by", "Pat Coordinator")
    done = printed("record", "recall", "m1.minutes", *why, "--agency", "police-1")
    assert (done["state"], done["agency_id"]) == ("accepted", "police-1")
    found = printed("record", "show", "m1.minutes")
    states = {each["name"]: each["state"] for each in found["copies"]}
    assert (states["County Police"], states["Riverside CAMHS"]) == ("recalled", "sent")
    assert [each["reason"] for each in found["recalls"]] == ["It names another child."]
    printed("record", "recall", "m1.minutes", *why)
    after = {each["name"]: each["state"] for each in printed("record", "show", "m1.minutes")["copies"]}
    assert {state for name, state in after.items() if name not in ("Mill Lane Surgery", "AB")} == {"recalled"}
    later = ("--as-of", (NOW + timedelta(hours=1)).isoformat())
    again = quorate("record", "approve", home / "filled-draft.docx", *BY, *CHECKED, "--yes", *later)
    assert "version 2 of m1.minutes is approved" in again.stdout  # the same words go again, as another version
    for wrong in (("m9.minutes",), ("m1.minutes", "--version", "7"), ("m1.minutes", "--person", "p9")):
        assert quorate("record", "recall", *wrong, *why, *AS_OF).exit_code == 1
    both = quorate("record", "recall", "m1.minutes", *why, "--agency", "a", "--person", "b", *AS_OF)
    assert both.exit_code == 2


def test_a_record_that_another_system_sent_is_looked_at_the_same_way(home: Path) -> None:
    at = NOW - timedelta(hours=1)
    ingest(home, events.record("r9", sections=[events.section("Something.", heading="All")], time=at))
    found = printed("record", "preview", "r9")
    assert (found["version"], found["record_id"]) == (1, "r9")
    assert datetime.fromisoformat(printed("record", "show", "r9")["versions"][0]["approved_at"]) == at
    made = printed("record", "draft", "m1")
    assert (made["record_id"], made["version"]) == ("r9", 2)


def test_a_record_whose_name_is_as_long_as_a_name_can_be_is_approved_and_taken_back(home: Path) -> None:
    longest = "r" * 64
    ingest(home, events.record(longest, sections=[events.section("Something.")]))
    assert printed("record", "draft", "m1", "-o", home / "long.docx")["record_id"] == longest
    file = home / "long-filled.docx"
    file.write_bytes(written((home / "long.docx").read_bytes(), SECTIONS))
    assert printed("record", "approve", file, *BY, *CHECKED, "--yes")["version"] == 2
    assert printed("record", "recall", longest, "--reason", "Wrong.", "--by", "Pat")["state"] == "accepted"
