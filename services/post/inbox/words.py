"""Why a person must look at a message, and what kind it is, as that person reads it: never a word of the message."""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "reply": "an answer from a calendar",
    "counter": "another time, proposed from a calendar",
    "refresh": "a calendar that asks for the invitation again",
    "bounce": "a mail server’s report of a message that came back",
    "receipt": "a mail server’s report of a delivery",
    "auto_reply": "an automatic reply",
    "report": "a message with a file",
    "mesh_report": "a report by MESH of a copy that was not collected",
    "mesh_answer": "an answer that came by MESH",
    "mesh_message": "a message that came by MESH",
    "text": "a message in words",
    "unknown": "a message of no known kind",
}

WHY: Mapping[str, str] = {
    "forged_token": "It was sent to an address that looks like an invitation’s own and is not: nothing in it is to be "
    "believed.",
    "unknown_address": "It was sent to no invitation’s own address, so it is not known which meeting it is about.",
    "unknown_invitation": "It was sent to the address of an invitation or a copy that is not there.",
    "wrong_address": "An invitation has one address for answers and one for mail servers to report to. It came to the "
    "wrong one of the two: it is not believed, and may be made up.",
    "several_invitations": "It was sent to the addresses of several invitations or copies, and does not say which one "
    "it means.",
    "uid_of_another_invitation": "It came to the address of one invitation and speaks of another.",
    "unknown_replier": "Whoever sent it is not known as the party that was asked: it is not taken as their answer.",
    "no_longer_asked": "Its sender is not invited any more, and may not know it: nothing in it was taken as an "
    "answer or a report.",
    "no_calendar_answer": "It has a calendar entry that says neither yes nor no.",
    "several_answers": "It has several answers, which contradict each other.",
    "of_one_occurrence": "It answers for one date of a series, and there is no series.",
    "time_not_readable": "It proposes another time, and it cannot be told which.",
    "automatic_answer": "A program answered or sent a file while nobody was there: it is not taken as an answer.",
    "bounce_of_unknown_address": "It came back from an address that is not the party’s: the mail was forwarded, and "
    "did not arrive.",
    "not_from_an_agency": "It has a file, and is from a relative or a child.",
    "file_about_a_copy": "It has a file, and answers a copy or a notice: nothing was taken as a report. Look whether "
    "the file is a plan or a report that others must have.",
    "mesh_not_understood": "It came by MESH, and is no answer of the form that is agreed: look at what it holds, and "
    "whether others must have it.",
    "recalled": "It says that a copy was filed which was recalled: the copy must come out of that file again.",
    "not_readable": "It, or a part of it, cannot be read.",
    "too_large": "It is too large to be read by Quorate.",
    "encrypted": "It is encrypted for somebody’s eyes.",
    "winmail": "It is in a form that only Outlook reads, and has no clear answer.",
    "human_text": "Somebody wrote in words, which only a person understands.",
    "report_refused": "It has a file that is not taken as a report.",
    "report_infected": "It has a file in which the scanner found something harmful: it is not taken.",
    "too_many_reports": "It has more files than one invitation may have reports.",
    "rejected": "What it says was not accepted: it stands among the dead letters.",
    "missing": "The message was kept, and its file is not there now.",
    "fault": "Quorate stumbled over it: that is a fault of the software.",
}


def what_and_why(mail_id: str, kind: str | None, why: str) -> str:
    """What a coordinator reads of a message that waits for a person."""
    what = KINDS.get(kind or "unknown", KINDS["unknown"])
    return f"{what[0].upper()}{what[1:]} waits for a person. {WHY[why]} Look at message {mail_id[:12]} and settle it."
