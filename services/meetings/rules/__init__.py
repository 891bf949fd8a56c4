"""Who must be in the room, who is left out, and why: the rules of resolution, without a clock or a database.

Read `resolution` first: it names the rules in the order in which they act. Each number and each list of kinds comes
from the policy.

Source: rules of the field, sections 0, 1, 2, 9 and 10.
"""

from services.meetings.rules.agencies import LOOKED_FOR
from services.meetings.rules.entry import (
    CAME_BACK,
    CHILD,
    DECIDED_BY_A_PERSON,
    INVITED,
    NOT_INVITED,
    RELATIVE,
    RIGHTLY_NOT_ASKED,
    EarlierMeeting,
    Entry,
    Reason,
    Resolution,
)
from services.meetings.rules.family import ILLNESS_FLAG
from services.meetings.rules.meeting import AlsoInvite, DoNotInvite, Meeting, reference
from services.meetings.rules.question import Facts
from services.meetings.rules.resolution import resolve
from services.meetings.rules.words import say

__all__ = [
    "CAME_BACK",
    "CHILD",
    "DECIDED_BY_A_PERSON",
    "ILLNESS_FLAG",
    "INVITED",
    "LOOKED_FOR",
    "NOT_INVITED",
    "RELATIVE",
    "RIGHTLY_NOT_ASKED",
    "AlsoInvite",
    "DoNotInvite",
    "EarlierMeeting",
    "Entry",
    "Facts",
    "Meeting",
    "Reason",
    "Resolution",
    "reference",
    "resolve",
    "say",
]
