"""Measures for `/metrics`: how much of what, by kind and state. No id of anything is ever a label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
VERDICTS = ("accepted", "known", "waiting", "rejected")
OUTCOMES = ("sent", "failed", "put_off")
DOCUMENT_OUTCOMES = ("made", "withheld", "put_off")
MAIL_KINDS = (
    *("reply", "counter", "refresh", "bounce", "receipt", "auto_reply", "report", "text", "unknown"),
    *("mesh_report", "mesh_answer", "mesh_message"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand in the database at one moment; ages in seconds, 0 where nothing waits."""

    mail_waiting: int
    mail_oldest_seconds: float
    print_waiting: int
    print_oldest_seconds: float
    mesh_waiting: int
    mesh_oldest_seconds: float
    timers_due: int
    events_waiting: int
    dead_letters_open: int
    exceptions_open: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MailStanding:
    """How it stands with mail that came in; ages in seconds, 0 where nothing waits."""

    kept: int
    kept_oldest_seconds: float
    for_a_person: int


class Metrics:
    """The measures of one process, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter(
            "quorate_events",
            "Events that came in at this process's door, by verdict",
            ["verdict"],
            registry=self.registry,
        )
        self.mails = Counter(
            "quorate_mails", "Attempts at a message by this process, by outcome", ["outcome"], registry=self.registry
        )
        self.parcels = Counter(
            "quorate_mesh",
            "Attempts at a copy by MESH, by outcome",
            ["outcome"],
            registry=self.registry,
        )
        self.mesh_seen = self._gauge(
            "quorate_mesh_seen_timestamp_seconds", "When this process last looked into our mailbox on MESH; 0 for never"
        )
        self.documents = Counter(
            "quorate_documents", "Documents to be made by this process, by outcome", ["outcome"], registry=self.registry
        )
        self.mail_in = Counter(
            "quorate_mail_in",
            "Messages handed to this process, by way and by what became of them",
            ["way", "outcome"],
            registry=self.registry,
        )
        self.mail_sorted = Counter(
            "quorate_mail_sorted", "Messages that this process told apart, by kind", ["kind"], registry=self.registry
        )
        self.mailbox_seen = self._gauge(
            "quorate_mailbox_seen_timestamp_seconds", "When this process last looked through the mailbox; 0 for never"
        )
        self.timers = Counter("quorate_timers", "Timers that this process acted on", registry=self.registry)
        self.timers_put_off = Counter(
            "quorate_timers_put_off",
            "Timers that this process could not act on, by a fault of the software, and put off",
            registry=self.registry,
        )
        self.requests = Counter(
            "quorate_http_requests",
            "Requests answered, by route and status",
            ["route", "status"],
            registry=self.registry,
        )
        self.lag = Gauge(
            "quorate_stream_lag",
            "Records that this process's worker holds and has not taken, by topic and partition",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.gone = Gauge(
            "quorate_stream_gone",
            "Records that Kafka deleted before any worker took them, as this one found when it began",
            ["topic", "partition"],
            registry=self.registry,
        )
        self._mail_waiting = self._gauge("quorate_outbox_waiting", "Messages that have not left yet")
        self._mail_oldest = self._gauge("quorate_outbox_oldest_seconds", "Age of the oldest message that has not left")
        self._print_waiting = self._gauge("quorate_outbox_print_waiting", "Records whose copies are not made yet")
        self._print_oldest = self._gauge("quorate_outbox_print_oldest_seconds", "Age of the oldest of these")
        self._mesh_waiting = self._gauge("quorate_outbox_mesh_waiting", "Copies for MESH that have not left yet")
        self._mesh_oldest = self._gauge("quorate_outbox_mesh_oldest_seconds", "Age of the oldest of these")
        self._mail_kept = self._gauge("quorate_mail_kept", "Messages that came in and have not been told apart yet")
        self._mail_kept_oldest = self._gauge("quorate_mail_kept_oldest_seconds", "Age of the oldest of these")
        self._mail_for_a_person = self._gauge("quorate_mail_for_a_person", "Messages that wait for a person")
        self._timers_due = self._gauge("quorate_timers_due", "Timers that have fallen due and not been acted on")
        self._events_waiting = self._gauge("quorate_events_waiting", "Events that wait for something they refer to")
        self._dead_letters = self._gauge("quorate_dead_letters_open", "Dead letters that nobody has settled")
        self._exceptions = Gauge(
            "quorate_exceptions_open", "Exceptions that are not resolved, by kind", ["kind"], registry=self.registry
        )
        for verdict in VERDICTS:
            self.events.labels(verdict)
        for outcome in OUTCOMES:
            self.mails.labels(outcome)
            self.parcels.labels(outcome)
        for outcome in DOCUMENT_OUTCOMES:
            self.documents.labels(outcome)
        for kind in MAIL_KINDS:
            self.mail_sorted.labels(kind)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, registry=self.registry)

    def exposition(self, standing: Standing, mail: MailStanding) -> bytes:
        """The text that Prometheus reads, with how things stand."""
        self._mail_waiting.set(standing.mail_waiting)
        self._mail_oldest.set(standing.mail_oldest_seconds)
        self._print_waiting.set(standing.print_waiting)
        self._print_oldest.set(standing.print_oldest_seconds)
        self._mesh_waiting.set(standing.mesh_waiting)
        self._mesh_oldest.set(standing.mesh_oldest_seconds)
        self._mail_kept.set(mail.kept)
        self._mail_kept_oldest.set(mail.kept_oldest_seconds)
        self._mail_for_a_person.set(mail.for_a_person)
        self._timers_due.set(standing.timers_due)
        self._events_waiting.set(standing.events_waiting)
        self._dead_letters.set(standing.dead_letters_open)
        self._exceptions.clear()
        for kind, count in standing.exceptions_open.items():
            self._exceptions.labels(kind).set(count)
        return generate_latest(self.registry)
