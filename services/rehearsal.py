"""The sample partnership: what `quorate demo` runs, and what has to be so at its end.

Events come in day by day on the one path that all events take, with the clock set to each day; what is due is sent to
the local catcher. Everything happens in a home of its own, made anew by each run, so that it never meets real data.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tomllib import loads
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

import services
from services.bootstrap import House, open_house
from services.foundation.clock import LONDON
from services.foundation.settings import Settings
from services.intake.ingest import Counts, ingest
from services.oversight.views import list_exceptions
from services.records.views import explain

SAMPLE = Path(services.__file__).parent.parent / "templates" / "sample"
SETTINGS = "settings.env"
MARK = "# Written by `quorate demo`, which makes this folder anew each time it runs."


class NotForRehearsals(Exception):
    """The folder holds something that `quorate demo` did not put there, or is in use."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day's file of events, the moment at which it is taken in, and what of it is not simply accepted."""

    file: str
    at: datetime
    title: str
    known: int = 0
    waiting: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that has to be so at the end, in words and as it can be looked up."""

    says: str
    meeting: str = ""
    child: str | None = None
    agency: str | None = None
    person: str | None = None
    team: str | None = None
    why_not: str | None = None
    cancelled: bool = False
    exception: str | None = None
    no_exception: str | None = None
    quorate: bool | None = None
    answer: str | None = None
    mode: str | None = None
    asked_again: bool = False
    unasked: bool = False
    report: str | None = None
    care_plan: str | None = None
    record: str | None = None
    copy: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """The rehearsal from its first day to its last, the meeting to look at, and the facts."""

    title: str
    explained: str
    days: tuple[Day, ...]
    facts: tuple[Fact, ...]


@dataclass(slots=True)
class DayDone:
    """What came of one day."""

    day: Day
    counts: Counts
    sent: int
    not_sent: int


@dataclass(slots=True)
class Rehearsal:
    """What came of it all: `unexpected` is empty where everything is as the story says."""

    home: Path
    story: Story
    days: list[DayDone] = field(default_factory=list)
    explained: dict[str, Any] = field(default_factory=dict)
    exceptions: list[dict[str, Any]] = field(default_factory=list)
    messages: int = 0
    example: Path | None = None
    unexpected: list[str] = field(default_factory=list)

    @property
    def mailbox(self) -> Path:
        return self.home / "mailbox"

    @property
    def settings_file(self) -> Path:
        return self.home / SETTINGS

    def by_kind(self) -> dict[str, list[dict[str, Any]]]:
        """The exceptions by kind, the most frequent kind first."""
        found: dict[str, list[dict[str, Any]]] = {}
        for each in self.exceptions:
            found.setdefault(each["kind"], []).append(each)
        return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))

    def document(self) -> dict[str, Any]:
        """The same for `--json`."""
        return {
            "home": str(self.home),
            "mailbox": str(self.mailbox),
            "settings": str(self.settings_file),
            "days": [
                {
                    "at": done.day.at.isoformat(),
                    "title": done.day.title,
                    "accepted": done.counts.accepted,
                    "known": done.counts.known,
                    "waiting": done.counts.waiting,
                    "rejected": done.counts.rejected,
                    "sent": done.sent,
                }
                for done in self.days
            ],
            "messages": self.messages,
            "explained": self.explained,
            "exceptions": {kind: len(some) for kind, some in self.by_kind().items()},
            "unexpected": self.unexpected,
        }


@dataclass(slots=True)
class _Calendar:
    """The rehearsal's clock: it stands until the next day begins."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


def read_story() -> Story:
    """The story as it ships with Quorate."""
    told = loads((SAMPLE / "story.toml").read_text(encoding="utf-8"))
    days = tuple(Day(**day) for day in told["day"])
    return Story(told["title"], told["explained"], days, tuple(Fact(**fact) for fact in told["fact"]))


def make_home(settings: Settings, story: Story) -> Settings:
    """Make the rehearsal's home anew, below the one in the settings; returns the rehearsal's own settings.

    Raises `NotForRehearsals` where the folder holds anything else, cannot be written, or somebody is at work in it.
    """
    policy = SAMPLE / "policy.toml"
    try:
        home = _fresh_home(settings.home, story, policy)
    except OSError as wrong:
        raise NotForRehearsals(
            f"{wrong.filename}: {wrong.strerror}: `quorate demo` needs a folder to write in"
        ) from None
    # Whatever else is set: no real mail server, no other database, no other domain.
    return Settings(home=home, policy=policy)


def _fresh_home(above: Path, story: Story, policy: Path) -> Path:
    home = above if _is_rehearsal(above) else above / "demo"
    if home.exists() and not (home.is_dir() and (_is_rehearsal(home) or not any(home.iterdir()))):
        raise NotForRehearsals(
            f"{home} was not made by `quorate demo`, so it is left as it is: "
            "move it away, or name another home with QUORATE_HOME"
        )
    if _is_rehearsal(home):
        _make_sure_that_nobody_is_there(home)
        for path in home.iterdir():
            if path.name != SETTINGS:  # the mark stays, so that a run that is cut short here can be repeated
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    home.mkdir(parents=True, exist_ok=True)
    lines = [
        MARK,
        "# QUORATE_CONFIG names this file for the commands that are to look at the rehearsal.",
        f'QUORATE_HOME="{home.absolute()}"',
        f'QUORATE_POLICY="{policy.absolute()}"',
        f"QUORATE_AS_OF={story.days[-1].at.isoformat()}",
    ]
    (home / SETTINGS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return home


def _is_rehearsal(home: Path) -> bool:
    path = home / SETTINGS
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace").startswith(MARK)


def _make_sure_that_nobody_is_there(home: Path) -> None:
    """Whoever sends mail from a home holds this lock."""
    with (home / "mailer.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotForRehearsals(f"{home} is in use: stop the `quorate up` that works on it first") from None


async def rehearse(settings: Settings, story: Story) -> Rehearsal:
    """Run the story to its end; `settings` are those that `make_home` returned."""
    done = Rehearsal(settings.home, story)
    calendar = _Calendar(story.days[0].at)
    async with open_house(settings, calendar) as house:
        for day in story.days:
            calendar.moment = day.at
            with (SAMPLE / day.file).open("rb") as file:
                counts = await ingest(house.intake, file, day.file)
            tally = await house.drain()
            done.days.append(DayDone(day, counts, tally.sent, tally.failed + tally.put_off))
        await _look(house, done)
    return done


async def _look(house: House, done: Rehearsal) -> None:
    """Ask what anyone can ask with `explain` and `exceptions`, and hold it to the story."""
    meetings: dict[str, dict[str, Any]] = {}
    async with house.database.read() as db:
        for meeting_id in {done.story.explained, *(fact.meeting for fact in done.story.facts if fact.meeting)}:
            found = await explain(db, house.intake.policy, meeting_id, None, house.clock.now())
            meetings[meeting_id] = found or {"entries": []}
        done.exceptions = await list_exceptions(db)
    done.explained = meetings[done.story.explained]
    messages = sorted(done.mailbox.glob("*.eml"))
    done.messages = len(messages)
    done.example = _example(done.explained, messages)
    done.unexpected = [*_wrong_days(done), *_wrong_facts(done.story.facts, meetings, done.exceptions)]


def _example(explained: Mapping[str, Any], messages: Iterable[Path]) -> Path | None:
    """The message that asked CAMHS to the meeting that is explained."""
    uids = [entry["invitation"]["uid"] for entry in explained["entries"] if _is_camhs(entry) and "invitation" in entry]
    marks = [f"Message-ID: <{uid.partition('@')[0]}.0.0@".encode() for uid in uids]
    return next((path for path in messages if any(mark in path.read_bytes() for mark in marks)), None)


def _is_camhs(entry: Mapping[str, Any]) -> bool:
    return bool(entry["kind"] == "camhs" and entry["decision"] == "invited")


def _wrong_days(done: Rehearsal) -> list[str]:
    wrong = []
    for each in done.days:
        for name in ("known", "waiting", "rejected"):
            expected, found = getattr(each.day, name), getattr(each.counts, name)
            if expected != found:
                wrong.append(f"{each.day.file}: {found} events {name}, where the story has {expected}")
        if each.not_sent:
            wrong.append(f"{each.day.file}: {each.not_sent} messages were not sent")
    sent = sum(each.sent for each in done.days)
    if sent != done.messages:
        wrong.append(f"{sent} messages were sent, and the mailbox holds {done.messages}")
    return wrong


def _wrong_facts(
    facts: Sequence[Fact], meetings: Mapping[str, Mapping[str, Any]], exceptions: Sequence[Mapping[str, Any]]
) -> list[str]:
    return [
        f"{fact.meeting or fact.child}: {fact.says}: found {found}"
        for fact in facts
        if (found := _otherwise(fact, meetings.get(fact.meeting, {}), exceptions)) is not None
    ]


def _otherwise(fact: Fact, meeting: Mapping[str, Any], exceptions: Iterable[Mapping[str, Any]]) -> str | None:
    """What was found instead of the fact; None where it holds."""
    if fact.quorate is not None:
        judged = meeting.get("quoracy", {})
        return None if judged.get("quorate") is fact.quorate else judged.get("text", "no verdict")
    if fact.exception or fact.no_exception:
        kinds = sorted({each["kind"] for each in exceptions if _is_about(each, fact)})
        so = fact.exception in kinds if fact.exception else fact.no_exception not in kinds
        return None if so else f"the exceptions {', '.join(kinds) or 'none'}"
    if fact.unasked:
        so = fact.agency in {each.get("agency_id") for each in meeting["others_answered"]}
        return None if so else "no such answer"
    of_party = [
        entry
        for entry in meeting["entries"]
        if (fact.agency, fact.person) == (entry.get("agency_id"), entry.get("person_id"))
        and fact.team in {None, entry.get("team_id")}
    ]
    if not of_party:
        return "no such entry"
    entry = of_party[0]
    if fact.record:
        some = [each for each in entry.get("record", ()) if each["kind"] == fact.record]
        stands = max(some, key=lambda each: int(each["version"]))["state"] if some else "none"
        return None if stands == fact.copy else f"a copy that is {stands}"
    invitation = entry.get("invitation", {})
    if fact.answer:
        said, mode = invitation.get("answer", "none"), invitation.get("mode")
        so = said == fact.answer and fact.mode in {None, mode} and fact.asked_again == ("asked_again_at" in invitation)
        return None if so else f"the answer {said}, {mode or 'in no way said'}"
    state = invitation.get("state")
    for wanted, found in ((fact.report, "report"), (fact.care_plan, "care_plan")):
        if wanted is not None:
            has = entry.get("invitation", {}).get(found)
            return None if has == wanted else f"{found} {has}"
    if fact.why_not:
        so = entry.get("why_not") == fact.why_not
    else:
        so = entry["decision"] == "invited" and state == ("cancelled" if fact.cancelled else "sent")
    return None if so else f"{entry['decision']}, {entry.get('why_not') or state or 'no invitation'}"


def _is_about(exception: Mapping[str, Any], fact: Fact) -> bool:
    """Whether an exception is about the meeting of a fact, or about its child and agency."""
    if fact.meeting:
        return exception.get("meeting_id") == fact.meeting
    return (exception.get("child_id"), exception.get("agency_id")) == (fact.child, fact.agency)


def show(console: Console, done: Rehearsal, command: str) -> None:
    """Tell someone who sees it for the first time. `command` is how Quorate was called."""
    console.print(f"\n[bold]{done.story.title}[/bold]")
    console.print("A rehearsal: events come in day by day, invitations go out, and the record goes on.\n")
    _show_days(console, done)
    _show_meeting(console, done)
    _show_exceptions(console, done)
    _show_what_next(console, done, command)
    if done.unexpected:
        console.print("[bold red]Not as the story says:[/bold red]")
        for each in done.unexpected:
            console.print(f"  {each}", markup=False)


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), header_style="bold")
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", vertical="top")
    return table


def _show_days(console: Console, done: Rehearsal) -> None:
    table = _table(("Day", "left"), ("What happens", "left"), ("Events", "right"), ("Sent", "right"))
    for each in done.days:
        counts = each.counts
        events = counts.accepted + counts.known + counts.waiting + counts.rejected
        day = each.day.at.astimezone(LONDON)
        table.add_row(f"{day.day} {day:%b}", each.day.title, str(events), str(each.sent))
    console.print(table)
    total = {n: sum(getattr(e.counts, n) for e in done.days) for n in ("accepted", "known", "waiting", "rejected")}
    console.print(
        "{accepted} events accepted, {known} known before, {waiting} waited until it could take effect, "
        "{rejected} refused and kept. {messages} messages sent: invitations, reminders, requests, copies.\n".format(
            **total, messages=done.messages
        )
    )


def _show_meeting(console: Console, done: Rehearsal) -> None:
    meeting = done.explained
    starts = datetime.fromisoformat(meeting["starts_at"]).astimezone(LONDON)
    kind = meeting["kind"].replace("_", " ")
    console.print(f"[bold]One meeting: the {kind} {meeting['meeting_id']} on {starts.day} {starts:%B %Y}[/bold]")
    table = _table(("Who", "left"), ("Why", "left"), ("Invitation", "left"))
    for entry in sorted(meeting["entries"], key=lambda entry: not _is_camhs(entry)):
        who = entry.get("agency_id") or entry.get("person_id") or f"({entry['kind']})"
        team = f"\n{entry['team_id']} team" if entry.get("team_id") else ""
        state = entry.get("invitation", {}).get("state") or entry.get("why_not", "").replace("_", " ")
        why = entry["reasons"][0]["text"]
        style = "bold" if _is_camhs(entry) else ""
        table.add_row(f"{who}{team}", why, state, style=style)
    console.print(table)


def _show_exceptions(console: Console, done: Rehearsal) -> None:
    by_kind = done.by_kind()
    console.print(f"[bold]Who was left out, or asked late: {len(done.exceptions)} exceptions[/bold]")
    table = _table(("Kind", "left"), ("", "right"), ("For example", "left"))
    for kind, some in by_kind.items():
        first_of_meeting = list({each.get("meeting_id"): each for each in reversed(some)}.values())[::-1]
        for number, each in enumerate(first_of_meeting[:2]):
            name, count = (kind.replace("_", " "), str(len(some))) if number == 0 else ("", "")
            table.add_row(name, count, f"{each.get('meeting_id') or each.get('child_id', '')}: {each['text']}")
    console.print(table)


def _show_what_next(console: Console, done: Rehearsal, command: str) -> None:
    console.print("[bold]Where to look[/bold]")
    look = [(f"{shown(done.mailbox)}/", f"{done.messages} messages; any mail program opens them")]
    if done.example:
        look.append((done.example.name, "the one to CAMHS above"))
    _pairs(console, look)
    console.print("\n[bold]What to try next[/bold]")
    tries = (
        (f"export QUORATE_CONFIG={shown(done.settings_file)}", "look at this rehearsal from here"),
        (f"{command} explain core-group-01", "who is asked next, and why"),
        (f"{command} exceptions", "everyone who was left out"),
        (f"{command} record show conference-01.minutes", "who has the minutes"),
        (f"{command} deadletters list", "what was refused, by field"),
        ("make up", "as pages: http://127.0.0.1:8080"),
    )
    _pairs(console, tries)
    console.print()


def _pairs(console: Console, pairs: Sequence[tuple[str, str]]) -> None:
    """Things with what they are, side by side where that fits; a path or a command is never broken."""
    width = max(len(first) for first, _ in pairs)
    beside = width + max(len(then) for _, then in pairs) + 4 <= console.width
    for first, then in pairs:
        line = f"  {first:<{width}}  {then}" if beside else f"  {first}\n      {then}"
        console.print(line, markup=False, soft_wrap=True)


def shown(path: Path) -> str:
    """A path as short as it can be from where the reader stands."""
    path = path.absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
