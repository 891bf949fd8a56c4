"""Which service is involved with which child or relative."""

from __future__ import annotations

from schemas.payload import Contact, Needs, Payload
from schemas.vocabulary import Day, Flag, Id, InvolvementStatus, Kind


class KeyWorker(Contact):
    """The worker who knows the person."""


class InvolvementRecorded(Payload):
    """`quorate.involvement.recorded.v1`: an involvement as it is from `time` on, whole.

    `person_id` is a child or a relative; `since` and `until` are days.
    """

    involvement_id: Id
    person_id: Id
    agency_id: Id
    service: Kind
    status: InvolvementStatus
    since: Day
    until: Day | None = None
    team_id: Id | None = None
    key_worker: KeyWorker | None = None
    direct_contact: Flag | None = None

    def needs(self) -> Needs:
        return (("person", frozenset((self.person_id,))), ("agency", frozenset((self.agency_id,))))
