"""The form of a record in Word: its styles, and the lines that say whom a section is for."""

from __future__ import annotations

# Styles by the names that Word keeps in the file, in small letters. A section begins with a heading; settings are the
# lines that decide; notes are for the writer, stand before the first heading, and go to nobody.
HEADING, SETTING, NOTE, TITLE = "heading 1", "record setting", "record note", "title"
BULLET, NUMBER = "list bullet", "list number"
BODY = frozenset({"normal", "body text", "list paragraph", "no spacing", BULLET, NUMBER})
BODY_IN_WORDS = "Normal, List Bullet or List Number"

FOR, CHILDREN = "For", "Children"
RECORD, KIND, MEETING, VERSION = "Record", "Kind", "Meeting", "Version"
FACTS = (RECORD, KIND, MEETING, VERSION)

EVERYONE, PROFESSIONALS, ONLY, ALL_BUT = "everyone", "professionals", "only", "all but"
CHOICES = "everyone; professionals; only: …; all but: …"
ALL = "all"

MARKING = "OFFICIAL-SENSITIVE"
FOOT = "A draft for the writer. Quorate makes each reader’s own copy from it: send this file to nobody."

LARGEST = 10_000_000
"""Bytes of a file that is read: a record of a hundred pages is a fiftieth of it."""
