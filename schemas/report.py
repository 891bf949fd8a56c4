"""Reports and care plans that agencies send for a meeting."""

from __future__ import annotations

from schemas.payload import Needs, Payload
from schemas.vocabulary import Id, Instant, ReportKind


class ReportReceived(Payload):
    """`quorate.report.received.v1`."""

    meeting_id: Id
    agency_id: Id
    document_id: Id
    kind: ReportKind
    at: Instant

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)
