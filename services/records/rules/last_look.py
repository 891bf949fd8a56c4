"""The last look at a copy, before it leaves and before it is opened: whether its reader may have today what it holds.

What was decided when it was printed does not count here: facts come in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.records.rules.copies import copy_of
from services.records.rules.dispatch import Dispatch
from services.records.rules.front_page import may_be_shown
from services.records.rules.record import Matter, Reader, Record
from services.records.rules.versions import whole


def may_have_all(dispatch: Dispatch, record: Record, reader: Reader, readers: Sequence[Reader], matter: Matter) -> bool:
    """Whether a reader may have every section that stands in their copy, and be told what its front page shows. A copy
    of which it is not known what it holds nobody may have.
    """
    printed = set(whole(dispatch))
    allowed = bool(printed) and printed <= set(copy_of(record, reader, matter).whole)
    return allowed and may_be_shown(dispatch.shown, reader, readers, matter)
