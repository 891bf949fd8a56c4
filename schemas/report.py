"""Reports and care plans that agencies send for a meeting."""

from __future__ import annotations

from schemas.payload import Needs, Payload
from schemas.vocabulary import Id, Instant, Line, ReportKind


class ReportReceived(Payload):
    """`quorate.report.received.v1`. `document_id` is the SHA-256 of the document where Quorate holds it, `child_id` the
    one child that it is about, where the meeting is about several.
    """

    meeting_id: Id
    agency_id: Id
    document_id: Id
    kind: ReportKind
    at: Instant
    team_id: Id | None = None
    by: Line | None = None
    child_id: Id | None = None

    def needs(self) -> Needs:
        return (("meeting", frozenset((self.meeting_id,))),)
