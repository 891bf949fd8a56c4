"""`make compose-test`: deploy/compose.yaml for real, the sample partnership through it, containers killed meanwhile.

    .venv/bin/python -m tests.e2e.composition.run [--copies N]

Builds the image, brings the composition up under podman, sends the story day by day, most of it to Kafka and some over
HTTP, ends containers as a power cut would while they have work in hand, and holds every invitation to what the embedded
default makes of the same events. Takes everything down again, however it ends; the images stay, for the next time.
Needs root, podman, and what deploy/kafka needs; where public images cannot be pulled, debootstrap.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from deploy.kafka.broker import free_port
from deploy.kafka.jars import CannotStart
from schemas.registry import TYPES, meeting_topic
from services.bootstrap import open_house
from services.foundation.settings import Settings
from services.intake.ingest import ingest
from services.oversight.views import list_exceptions
from services.post.mailer import LEASE
from services.rehearsal import SAMPLE
from tests.e2e.composition.letters import Letter, compare, read_all
from tests.e2e.composition.partnership import Day, story
from tests.e2e.composition.podman import (
    CONTAINERFILE,
    HERE,
    PROJECT,
    ROOT,
    Composition,
    Podman,
    WrongRun,
    say,
    services,
    stand_in_for_kafka,
    stand_in_for_postgres,
    until,
)
from tests.running import BATCH

COPIES = 20
OVER_HTTP = 4  # every so manieth copy of the story comes in over HTTP
ALL_DONE_WITHIN = 300.0  # seconds for what one day brings; after a mailer was killed, so much more than its claims last
LARGEST_IMAGE = 300_000_000  # bytes
UNWANTED = ("as", "cc", "clang", "g++", "gcc", "ld", "make", "pip", "pip3")
POLICY = "/etc/quorate/policy.toml"
PROCESSES = ("worker", "mailer", "scheduler", "web")

# Which containers are killed on which day of the story, one after the other.
KILLS: dict[int, tuple[str, ...]] = {
    0: ("worker",),
    1: ("scheduler",),
    4: ("worker", "mailer"),
    6: ("postgres",),
    8: ("kafka",),
    9: ("catcher",),
    10: ("web",),
}
WITH_WORK = ("worker", "mailer")  # must have had work in hand when they were killed


@dataclass(slots=True)
class Result:
    """What came of the events: who was written to, who was not, and what was refused."""

    letters: list[Letter]
    exceptions: Counter[str]
    refused: int


@dataclass(slots=True)
class Run:
    """One run, and what it has seen so far."""

    composition: Composition
    image: str
    token: str
    door: str
    folder: Path
    kinds: dict[str, str] = field(default_factory=dict)  # meeting → its kind, as the sender of its events knows it
    by_kafka: int = 0
    by_http: int = 0
    killed: list[tuple[str, int | None]] = field(default_factory=list)  # which container, and what it left in hand

    def beside_kafka(self, *command: str, entrypoint: str = "quorate", given: str = "") -> str:
        """What a command prints in a container of its own on Kafka's network."""
        settings = {
            "QUORATE_BROKER": "kafka://kafka:9092?tls=none",
            "QUORATE_TOPIC_REPLICATION": "1",
            "QUORATE_DATABASE": "postgresql+asyncpg://not-asked",
            "QUORATE_SECRET": "not-asked-for-either",
        }
        return self.composition.podman.run(
            *("run", "--rm", "--interactive", "--read-only", "--network", f"{PROJECT}_events"),
            *(part for name, value in settings.items() for part in ("--env", f"{name}={value}")),
            *("--volume", f"{HERE / 'produce.py'}:/produce.py:ro"),
            *("--entrypoint", entrypoint, self.image, *command),
            input=given,
        ).stdout

    def lag(self) -> int:
        """Records that no worker has taken for good, on all partitions."""
        return int(json.loads(self.beside_kafka("topics", "lag", "--json"))["lag"])

    def measures(self, service: str) -> Counter[str]:
        """What a process measures, summed over labels; where the database was killed, once it is back."""
        found: Counter[str] = Counter()
        port = 8080 if service == "web" else 8081
        answers: list[str] = []

        def answered() -> bool:
            answers.append(self.composition.fetch(service, f"http://127.0.0.1:{port}/metrics"))
            return bool(answers[-1])

        until(f"{service} says how things stand", answered, 60)
        for family in text_string_to_metric_families(answers[-1]):
            for sample in family.samples:
                found[sample.name] += sample.value  # type: ignore[assignment]  # counts may be floats
        return found

    def waiting(self) -> int:
        """Messages that have not left, and timers due that nobody has acted on."""
        found = self.measures("web")
        return round(found["quorate_outbox_waiting"] + found["quorate_timers_due"])

    def topic(self, event: dict[str, Any]) -> str:
        """Where an event belongs: later events about a meeting go where its first one went."""
        topic = TYPES[event["type"]].topic
        if isinstance(topic, str):
            return topic
        meeting = event["data"]["meeting_id"]
        return meeting_topic(self.kinds.setdefault(meeting, event["data"].get("kind", "")))

    def produce(self, events: Sequence[dict[str, Any]]) -> None:
        """Send events to Kafka, each to its topic, with the family as its key."""
        records = [
            {"topic": self.topic(event), "key": event["partitionkey"], "value": json.dumps(event)} for event in events
        ]
        given = "".join(json.dumps(record) + "\n" for record in records)
        count = self.beside_kafka("/produce.py", "kafka:9092", entrypoint="python3", given=given)
        if int(count) != len(records):
            raise WrongRun(f"{count} records were produced of {len(records)}")
        self.by_kafka += len(records)

    def post(self, events: Sequence[dict[str, Any]]) -> None:
        """Send events over HTTP, again where no answer comes: the same event twice has one effect."""
        headers = {"authorization": f"Bearer {self.token}", "content-type": BATCH}

        def taken() -> bool:
            try:
                answer = httpx2.post(f"{self.door}/events", content=json.dumps(events), headers=headers, timeout=60)
            except httpx2.TransportError:
                return False
            if answer.status_code not in {202, 503}:
                raise WrongRun(f"POST /events answered {answer.status_code}: {answer.text[:500]}")
            return answer.status_code == 202

        if events:
            until("POST /events is answered", taken, 120)
            self.by_http += len(events)

    def send(self, senders: Executor, day: Day, events: Sequence[dict[str, Any]]) -> list[Future[None]]:
        """Send events of a day, those of some copies over HTTP."""
        ids = {event["id"] for copy in day.copies[OVER_HTTP - 1 :: OVER_HTTP] for event in copy}
        by_http = [event for event in events if event["id"] in ids]
        by_kafka = [event for event in events if event["id"] not in ids]
        return [senders.submit(self.produce, by_kafka), senders.submit(self.post, by_http)]

    def live(self, number: int, day: Day) -> None:
        """Let one day come in, with what is killed on it, until all of it has taken effect and every message is out."""
        begun = time.monotonic()
        kills = KILLS.get(number, ())
        taken_before = self.taken()
        if "mailer" in kills:
            self.composition.signal("mailer", "STOP")  # so that it has all of the day's messages before it
        first, then = in_order(day.events)
        with ThreadPoolExecutor() as senders:
            sent = self.send(senders, day, first)
            for service in kills:
                self.kill(service, taken_before)
            for each in sent:
                each.result()
            if then:
                until("every record is taken", lambda: self.lag() == 0, ALL_DONE_WITHIN)
                for each in self.send(senders, day, then):
                    each.result()
        until("every record is taken", lambda: self.lag() == 0, ALL_DONE_WITHIN)
        within = ALL_DONE_WITHIN + (LEASE.total_seconds() if "mailer" in kills else 0)
        for _ in range(2):  # between the two figures of one look, a timer may turn into a message
            until("every message is out", lambda: self.waiting() == 0, within)
        say(f"  {day.title}: {len(day.events)} events, all done after {time.monotonic() - begun:.0f} s")

    def taken(self) -> float:
        """How many events the worker has taken since it started."""
        return self.measures("worker")["quorate_events_total"]

    def kill(self, service: str, taken_before: float) -> None:
        """End a container with SIGKILL once work is seen to be under way that needs it; start it again."""
        if service == "mailer":
            until("every record is taken", lambda: self.lag() == 0, ALL_DONE_WITHIN)
            full = self.waiting()
            self.composition.signal("mailer", "CONT")
            until("messages are leaving", lambda: self.waiting() < full, ALL_DONE_WITHIN)
        else:
            until("events are coming in", lambda: self.taken() > taken_before, ALL_DONE_WITHIN)
        self.composition.signal(service, "KILL")
        left = {"worker": self.lag, "mailer": self.waiting}[service]() if service in WITH_WORK else None
        self.killed.append((service, left))
        say(f"  {service} killed" + ("" if left is None else f" with {left} left to do"))
        self.composition.start(service)

    def memory(self) -> str:
        """The most memory that each process has held since it started."""
        peaks = {}
        for service in PROCESSES:
            status = self.composition.ask(service, "cat", "/proc/1/status")
            peaks[service] = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024
        return ", ".join(f"{service} {peak} MiB" for service, peak in peaks.items())

    def result(self) -> Result:
        """What has come of it all."""
        caught = self.folder / "caught"
        self.composition.podman.run("cp", f"{self.composition.name('catcher')}:/var/lib/quorate/mail/new", str(caught))
        exceptions = json.loads(self.composition.ask("web", "quorate", "exceptions", "--json"))
        refused = json.loads(self.composition.ask("web", "quorate", "deadletters", "list", "--json"))
        return Result(read_all(caught), Counter(each["kind"] for each in exceptions), len(refused))


def in_order(events: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The events of a day, and those of them that are sent once the others have been taken: what is told of plans. What
    those who are known by then read of one, and those who come later, hangs on that order; between topics, and between
    Kafka and HTTP, there is none.
    """
    of_plans = [event for event in events if event["type"].startswith("quorate.plan.")]
    others = [event for event in events if event not in of_plans]
    return (others, of_plans) if others else (of_plans, [])


async def embedded(days: Sequence[Day], home: Path, secret: str, mail_domain: str) -> Result:
    """What the embedded default makes of the same events."""
    settings = Settings(home=home, policy=SAMPLE / "policy.toml", secret=secret, mail_domain=mail_domain)
    refused = 0
    async with open_house(settings) as house:
        for number, day in enumerate(days):
            path = home / f"{number}.ndjson"
            path.write_text("".join(json.dumps(event) + "\n" for event in day.events))
            with path.open("rb") as file:
                refused += (await ingest(house.intake, file, path.name)).rejected
            await house.drain()
        async with house.database.read() as db:
            exceptions = await list_exceptions(db)
    return Result(read_all(home / "mailbox"), Counter(each["kind"] for each in exceptions), refused)


def look_at_image(podman: Podman, image: str, base: str) -> None:
    """Say how large the image is; raises `WrongRun` where it is too large, or holds what it should not."""
    whole, below = (podman.inspect(name, "image")["Size"] for name in (image, base))
    say(f"{image}: {whole / 1e6:.0f} MB with its base, {(whole - below) / 1e6:.0f} MB without ({base})")
    if whole >= LARGEST_IMAGE:
        raise WrongRun(f"the image has {whole:,} bytes; fewer than {LARGEST_IMAGE:,} are wanted")
    look = (
        f"for each in {' '.join(UNWANTED)}; do command -v $each; done; ls -d /opt/quorate/lib/*/site-packages/pip; true"
    )
    found = podman.run("run", "--rm", "--entrypoint", "sh", image, "-c", look).stdout.split()
    if found:
        raise WrongRun(f"the image holds what only builds: {' '.join(found)}")
    set_there = [
        line for line in podman.inspect(image, "image")["Config"]["Env"] if re.match(r"PIP|SSL|QUORATE_(?!HOME)", line)
    ]
    if set_there:
        raise WrongRun(f"the image sets what is for others to set: {set_there}")


def look_at_containers(composition: Composition) -> None:
    """Raises `WrongRun` unless every process runs with as little as its container is declared to give it."""
    for service in (*PROCESSES, "catcher"):
        status = dict(line.split(":\t", 1) for line in composition.ask(service, "cat", "/proc/1/status").splitlines())
        found = (status["Uid"].split()[0], int(status["CapEff"], 16), int(status["CapBnd"], 16), status["NoNewPrivs"])
        if found != ("10001", 0, 0, "1"):
            raise WrongRun(f"{service}: user, capabilities, possible capabilities, no new privileges are {found}")
        [root] = [
            line.split() for line in composition.ask(service, "cat", "/proc/mounts").splitlines() if " / " in line
        ]
        if "ro" not in root[3].split(","):
            raise WrongRun(f"{service}: its root file system can be written to: {root}")


def look_from_outside(door: str) -> None:
    """Raises `WrongRun` unless what is published answers machines and shows nobody a page."""
    answers = {path: httpx2.get(f"{door}{path}").status_code for path in ("/healthz", "/readyz", "/", "/exceptions")}
    answers["/events"] = httpx2.post(f"{door}/events", content="[]", headers={"content-type": BATCH}).status_code
    pages = (answers.pop("/"), answers.pop("/exceptions"))
    if answers != {"/healthz": 200, "/readyz": 200, "/events": 401} or not all(400 <= page < 500 for page in pages):
        raise WrongRun(f"from outside, pages answer {pages}, the rest {answers}")


def make_images(podman: Podman) -> tuple[str, str, dict[str, str]]:
    """Build or find every image; returns the base, Quorate's own, and by service those of the parts."""
    named = {name: str(service["image"]) for name, service in services().items()}
    base = podman.base()
    parts = {}
    for service, stand_in in (("kafka", stand_in_for_kafka), ("postgres", stand_in_for_postgres)):
        parts[service] = named[service]
        if not podman.pulled(named[service]):
            parts[service] = f"localhost/quorate-{service}:{named[service].rpartition(':')[2]}"
            say(f"{named[service]} cannot be pulled: building {parts[service]}")
            stand_in(podman, parts[service], base)
    say(f"Building {named['worker']}")
    podman.build(named["worker"], CONTAINERFILE, ROOT, base)
    return base, named["worker"], parts


def make_override(path: Path, parts: dict[str, str], port: int) -> None:
    """What differs here from deploy/compose.yaml: images of the parts, the sample's policy, a port that is free."""
    differs: dict[str, Any] = {name: {"image": image} for name, image in parts.items()}
    for name in PROCESSES:
        volumes = [f"{SAMPLE / 'policy.toml'}:{POLICY}:ro"]
        differs[name] = {"environment": {"QUORATE_POLICY": POLICY}, "volumes": volumes}
    text = json.dumps({"services": differs}, indent=2)
    ports = f'"ports": !override ["127.0.0.1:{port}:8080"],'
    path.write_text(text.replace('"web": {', f'"web": {{ {ports}', 1), encoding="utf-8")


def held(come: Result, expected: Result, run: Run) -> bool:
    """Print what came of it beside what was to come; whether they are the same."""
    letters = compare(come.letters, expected.letters)
    say(
        f"Events: {run.by_kafka} to Kafka, {run.by_http} over HTTP; refused {come.refused}, expected {expected.refused}"
    )
    say(
        f"Killed: {', '.join(f'{name} ({left} left to do)' if left is not None else name for name, left in run.killed)}"
    )
    say(
        f"Letters: {letters.letters} of {letters.expected} expected, for {len({each.uid for each in come.letters})} "
        f"diary entries; {letters.repeats} came again, as the same message"
    )
    for what, some in (
        ("missing", letters.missing),
        ("not expected", letters.unexpected),
        ("with two Message-IDs for one UID, SEQUENCE and revision", letters.two_ids),
        ("with one Message-ID for two letters", letters.two_letters),
    ):
        say(f"  {what}: {len(some)}")
        for each in some[:5]:
            say(f"    {each}")
    say(f"Exceptions: {dict(come.exceptions)}")
    if come.exceptions != expected.exceptions:
        say(f"  expected: {dict(expected.exceptions)}")
    idle = [name for name in WITH_WORK if not any(left for each, left in run.killed if each == name)]
    if idle:
        say(f"Never killed with work in hand: {', '.join(idle)}")
    same = come.exceptions == expected.exceptions and come.refused == expected.refused
    return letters.right and same and not idle


def compose_test(folder: Path, copies: int) -> bool:
    """The whole of it; whether everything is as it must be."""
    missing = [name for name in ("podman", "iptables") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        raise WrongRun(f"missing: {', '.join([*missing, *(['root'] if os.geteuid() else [])])}")
    secrets = folder / "env"
    subprocess.run([ROOT / "deploy" / "compose" / "secrets", secrets], check=True, stdout=subprocess.DEVNULL)
    made = dict(line.split("=", 1) for line in secrets.read_text().splitlines() if not line.startswith("#"))

    days = story(copies)
    say(f"The embedded default takes the story in, {copies} times over")
    home = folder / "embedded"
    home.mkdir()
    expected = asyncio.run(embedded(days, home, made["QUORATE_SECRET"], made["QUORATE_MAIL_DOMAIN"]))

    podman = Podman(folder)
    base, image, parts = make_images(podman)
    look_at_image(podman, image, base)
    port = free_port()
    make_override(folder / "override.yaml", parts, port)
    composition = Composition(podman, secrets, folder / "override.yaml")
    run = Run(composition, image, made["QUORATE_TOKEN"], f"http://127.0.0.1:{port}", folder)
    composition.down()
    try:
        say(f"Starting {', '.join(services())}")
        composition.up()
        look_at_containers(composition)
        look_from_outside(run.door)
        for number, day in enumerate(days):
            run.live(number, day)
        say(f"Most memory held: {run.memory()}")
        right = held(run.result(), expected, run)
        if not right:
            composition.logs(folder)
        return right
    except BaseException:
        composition.logs(folder)
        raise
    finally:
        say("Taking everything down")
        composition.down()


def main() -> int:
    """Read the command line and do as it says; 0 only where everything is as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.composition.run", description="Try deploy/compose.yaml.")
    parser.add_argument(
        "--copies", type=int, default=COPIES, help="how many times over the sample partnership comes in"
    )
    copies = parser.parse_args().copies
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("told to stop"))
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="quorate-composition-"))
    right = False
    try:
        right = compose_test(folder, copies)
    except (WrongRun, CannotStart) as wrong:
        say(str(wrong))
    finally:
        if right:
            shutil.rmtree(folder)
        else:
            say(f"What there is to look at, logs for one, is in {folder}")
    say(f"{'As it must be' if right else 'NOT as it must be'}, after {time.monotonic() - begun:.0f} s")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
