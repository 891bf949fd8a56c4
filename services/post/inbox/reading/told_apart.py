"""What kind of message it is that came in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from services.post.inbox.reading import headers
from services.post.inbox.reading.calendars import read_calendars
from services.post.inbox.reading.delivery import delivery_reports, returned_otherwise
from services.post.inbox.reading.found import (
    Attachment,
    Attendee,
    CalendarAnswer,
    Doubt,
    Kind,
    Method,
    Reading,
    Sender,
)
from services.post.inbox.reading.parts import Message, Part, decoded
from services.post.inbox.reading.winmail import read_winmail
from services.post.inbox.reading.words import LONGEST_SOURCE, plain, written

MOST_ATTACHMENTS = 50
MOST_CALENDARS = 20
MOST_WINMAILS = 3
LARGEST_MARK = 4 * 1024
MOST_ANSWERERS = 50
MOST_WORDS = 4 * 1024 * 1024

_CALENDARS = ("text/calendar", "application/ics", "text/x-vcalendar", "application/calendar")
_WINMAILS = ("application/ms-tnef", "application/vnd.ms-tnef")
_ENCRYPTED = ("application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted", "multipart/encrypted")
_ASIDE = (
    *("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"),
    *("application/pgp-keys", "text/vcard", "text/x-vcard", "text/directory", "text/x-amp-html"),
)
_TEXTS = ("text/plain", "text/html")
_KINDS: tuple[Method, ...] = ("reply", "counter", "refresh")
_PICTURE_IN_TEXT = re.compile(r"data:image/[^\"'>\s]*+", re.IGNORECASE)
_ENCRYPTED_TEXT = "-----BEGIN PGP MESSAGE-----"
_SIGNED_TEXT, _SIGNATURE = "-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----"


def told_apart(raw: bytes, recipients: Sequence[str]) -> Reading:
    """Read a message; raises only where there is a mistake in here."""
    message = Message(raw)
    own = message.top.headers
    said = Reading(
        "unknown",
        headers.sent_to(own, recipients),
        headers.sender(own),
        headers.date(own),
        headers.message_ids(own),
    )
    is_report, bounces = delivery_reports(message)
    if not is_report and not message.cut and headers.is_from_a_server(own):
        is_report, bounces = True, returned_otherwise(raw)
    if is_report:
        kind: Kind = "bounce"
        if bounces and not any(each.action in ("failed", "delayed") for each in bounces):
            kind = "receipt"
        doubts: frozenset[Doubt] = frozenset() if bounces else frozenset(("not_readable",))
        return replace(said, kind=kind, bounces=tuple(bounces), automatic=True, doubts=doubts)
    contents = _Contents(message, said.sender)
    contents.take(message.top)
    return contents.reading(said, headers.automatic(own))


@dataclass(slots=True)
class _Contents:
    """The parts of a message, each put where it belongs."""

    message: Message
    sender: Sender | None
    answers: dict[CalendarAnswer, None] = field(default_factory=dict)
    attachments: list[Attachment] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    doubts: set[Doubt] = field(default_factory=set)
    calendars: set[bytes] = field(default_factory=set)
    winmails: int = 0
    length: int = 0
    other_calendar: bool = False
    was_displayed: bool = False
    incomplete: bool = False

    def reading(self, said: Reading, automatic: headers.Automatic | None) -> Reading:
        """What it all comes to."""
        if self.message.cut:
            self.doubts.add("too_large")
        if self.message.damaged:
            self.doubts.add("not_readable")
        if self.other_calendar and not self.answers:
            self.doubts.add("no_calendar_answer")
        own = written("\n\n".join(self.texts), self._answerers())
        text = own.text
        of_method = {method: tuple(each for each in self.answers if each.method == method) for method in _KINDS}
        kind: Kind = "report" if self.attachments else "text" if text else "unknown"
        kind = next((method for method in _KINDS if of_method[method]), kind)
        if automatic == "replied" or self.was_displayed:
            kind = "auto_reply"
        return replace(
            said,
            kind=kind,
            text=text,
            attachments=tuple(self.attachments),
            replies=of_method["reply"],
            counters=of_method["counter"],
            refreshes=of_method["refresh"],
            automatic=automatic is not None or self.was_displayed,
            incomplete=self.incomplete or own.incomplete,
            below=own.below,
            besides=self.incomplete or own.besides,
            doubts=frozenset(self.doubts),
        )

    def _answerers(self) -> tuple[str, ...]:
        """How a program may call those who answer in this message."""
        if not self.answers:
            return ()
        speaks = (self.sender, *(attendee for answer in self.answers for attendee in answer.attendees))
        names = (name for each in speaks if each for name in (each.name, each.address) if name)
        return tuple(islice(dict.fromkeys(names), MOST_ANSWERERS))

    def take(self, part: Part, silent: bool = False) -> None:
        """Take a part in, and all below it. `silent`: the words in it stand elsewhere already."""
        kind = part.media_type
        if kind in _ENCRYPTED:
            self.doubts.add("encrypted")
        elif kind == "multipart/alternative":
            self._take_versions(part, silent)
        elif part in self.message.reports:
            self.was_displayed = True
            for each in part.parts:
                if each.media_type in _TEXTS:
                    self.take(each, silent)
        elif kind.startswith("multipart/"):
            for each in part.parts:
                self.take(each, silent)
        else:
            self._take_leaf(part, silent)

    def _take_versions(self, part: Part, silent: bool) -> None:
        """Of several versions of the same words the first that has any: that is the plain one."""
        before = len(self.texts)
        for each in part.parts:
            self.take(each, silent or len(self.texts) > before)

    def _take_leaf(self, part: Part, silent: bool) -> None:
        kind, name = part.media_type, part.file_name
        suffix = name[-12:].lower()
        if kind in _CALENDARS or suffix.endswith(".ics"):
            self._take_calendar(self.message.content(part), part)
        elif kind in _WINMAILS or suffix.endswith("winmail.dat"):
            self._take_winmail(part)
        elif suffix.endswith(".p7m"):
            self.doubts.add("encrypted")
        elif kind in _TEXTS and not name and part.disposition != "attachment":
            if not silent:
                self._take_text(part)
        elif kind not in _ASIDE and not suffix.endswith((".p7s", ".vcf")):
            self._take_attachment(part, name)

    def _take_calendar(self, content: bytes, part: Part) -> None:
        if content in self.calendars:
            return
        self.calendars.add(content)
        if len(self.calendars) > MOST_CALENDARS:
            self.doubts.add("too_large")
            return
        parameters = part.parameters
        found = read_calendars(decoded(content, parameters.get("charset", "")), parameters.get("method", ""))
        self.answers.update((each, None) for each in found.answers)
        self.other_calendar |= found.other
        if found.cut:
            self.doubts.add("too_large")
        if found.damaged:
            self.doubts.add("not_readable")

    def _take_winmail(self, part: Part) -> None:
        self.winmails += 1
        if self.winmails > MOST_WINMAILS:
            self.doubts.add("too_large")
            return
        found = read_winmail(self.message.content(part))
        for each in found.files:
            self._attach(each)
        if found.partstat and found.uid and self.sender is not None and not found.damaged and not found.proposes:
            attendee = Attendee(self.sender.address, self.sender.name, found.partstat)
            own = written(found.body)
            self.incomplete |= own.incomplete
            answer = CalendarAnswer("reply", found.uid, found.sequence, found.stamp, (attendee,), own.text or None)
            self.answers[answer] = None
        elif found.is_note and not found.damaged and (self.texts or found.body.strip()):
            self.texts = self.texts or [found.body]
        else:
            self.doubts.add("winmail")

    def _take_text(self, part: Part) -> None:
        self.length += part.end - part.start
        if self.length > MOST_WORDS:
            self.doubts.add("too_large")
            return
        text = self.message.text(part)
        if part.media_type == "text/html":
            self.incomplete |= len(text) > LONGEST_SOURCE or _has_picture(text)
            text = plain(text)
        if not text.strip():
            return
        beginning = text[:2_000].lstrip()
        if beginning.startswith("BEGIN:VCALENDAR"):
            self._take_calendar(text.encode("utf-8", "replace"), part)
            return
        if _ENCRYPTED_TEXT in text:
            self.doubts.add("encrypted")
            return
        if beginning.startswith(_SIGNED_TEXT):
            text = text.partition("\n\n" if "\r" not in text else "\r\n\r\n")[2].partition(_SIGNATURE)[0]
        self.texts.append(text)

    def _take_attachment(self, part: Part, name: str) -> None:
        kind = part.media_type
        if kind.startswith("image/") and "content-id" in part.headers and part.disposition != "attachment":
            # An organisation's mark under its mail; a page that somebody took a picture of is larger.
            self.incomplete |= len(self.message.content(part)) > LARGEST_MARK
            return
        if kind in ("message/partial", "message/external-body"):
            self.doubts.add("not_readable")
            return
        content = self.message.content(part)
        if content.strip():
            self._attach(
                Attachment(name or ("message.eml" if kind == "message/rfc822" else "attachment"), kind, content)
            )
        else:
            self.doubts.add("not_readable")

    def _attach(self, attachment: Attachment) -> None:
        if len(self.attachments) < MOST_ATTACHMENTS:
            self.attachments.append(attachment)
        else:
            self.doubts.add("too_large")


def _has_picture(html: str) -> bool:
    """Whether a picture stands in the text itself that is more than an organisation's mark."""
    return any(found.end() - found.start() > LARGEST_MARK * 4 // 3 for found in _PICTURE_IN_TEXT.finditer(html))
