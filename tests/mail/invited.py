"""The invitations that the messages of the corpus answer, with addresses and tokens of their own."""

from __future__ import annotations

from datetime import UTC, datetime

from services.invitations.tokens import local_part
from services.post.inbox.rules import Asked

KEY, DOMAIN = b"a-key-for-tests-alone", "quorate.example"
STAMP = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 3, 10, 0, 30, tzinfo=UTC)
WRITTEN = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)

INVITATION, OTHER, RELATIVES = "0123456789abcdef0123456789", "fedcba9876543210fedcba9876", "00112233445566778899aabbcc"
DUTY, ADA, STRANGER, MARY = (
    "duty@camhs.trust.example",
    "ada.example@camhs.trust.example",
    "crasher@elsewhere.example",
    "mary@home.example",
)


def reply_address(invitation_id: str = INVITATION, use: str = "reply") -> str:
    return f"{local_part(KEY, use, invitation_id)}@{DOMAIN}"


def uid(invitation_id: str = INVITATION) -> str:
    return f"{invitation_id}@{DOMAIN}"


def message_id(invitation_id: str = INVITATION, sequence: int = 1, revision: int = 0) -> str:
    return f"{invitation_id}.{sequence}.{revision}@{DOMAIN}"


FORGED = f"reply+{INVITATION}{'0' * 26}@{DOMAIN}"


def _asked(invitation_id: str, agency_id: str | None, person_id: str | None, address: str) -> Asked:
    return Asked(
        invitation_id=invitation_id,
        meeting_id="m1",
        partition_key="f1",
        agency_id=agency_id,
        person_id=person_id,
        team_id="duty" if agency_id else None,
        address=address,
        addresses=frozenset({address, "Front.Desk@Trust.example"} if agency_id else ()),
        sequence=1,
        stamp=STAMP,
        since=STAMP,
    )


ASKED = {
    INVITATION: _asked(INVITATION, "camhs", None, DUTY),
    OTHER: _asked(OTHER, "school", None, "office@school.example"),
    RELATIVES: _asked(RELATIVES, None, "mary", MARY),
}
