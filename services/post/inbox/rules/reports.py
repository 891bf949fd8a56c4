"""Files that parties send back with a message, or instead of one."""

from __future__ import annotations

import hashlib
import re

from schemas.report import ReportReceived
from services.post.inbox.reading.found import Attachment
from services.post.inbox.rules.decided import ForAPerson, NewReport
from services.post.inbox.rules.message import Message

REPORTED = "quorate.report.received.v1"

_CARE_PLAN = re.compile(r"care[\W_]{0,3}plan", re.IGNORECASE)


def is_message(attachment: Attachment) -> bool:
    """Whether a file is another message, which somebody hands on."""
    return attachment.media_type.startswith("message/")


def reports(message: Message) -> list[NewReport]:
    """The files of a message, as reports of the party that it is from. Raises `ForAPerson` where that cannot be told,
    or is none that owes any.
    """
    attachments = [each for each in message.reading.attachments if not is_message(each)]
    if not attachments:
        return []
    asked = message.about_one()
    speaks = [attendee for answer in message.reading.calendar for attendee in answer.attendees]
    if not any(message.believed(asked, each) for each in (None, *speaks)):
        raise ForAPerson("unknown_replier")
    if asked.agency_id is None:
        raise ForAPerson("not_from_an_agency")
    found: dict[str, NewReport] = {}
    for each in attachments:
        document_id = hashlib.sha256(each.content).hexdigest()
        data = ReportReceived(
            meeting_id=asked.meeting_id,
            agency_id=asked.agency_id,
            team_id=asked.team_id,
            document_id=document_id,
            kind="care_plan" if _CARE_PLAN.search(each.name) else "report",
            at=message.at,
            by=message.by,
        )
        found.setdefault(document_id, NewReport(each, message.event(REPORTED, asked, data, document_id[:20])))
    return list(found.values())
