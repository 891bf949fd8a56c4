"""Which words say that a copy is filed or a flag changed, and which do not."""

from __future__ import annotations

import pytest

from services.post.inbox.rules.confirmations import confirmation

NAMES = ("Rowan Medical Practice", "Ada Example", "ada.example@rowan.example")

FILED = (
    *("Filed", "filed.", "FILED", "Filed thanks", "Filed, thanks", "Thanks, filed", "Filed. Many thanks"),
    *("It's in the record", "It\u2019s in the record now", "This has been filed", "Now filed in EMIS", "It is on file"),
    *("I have filed this in the patient's record.", "Filed to the child's record today", "saved to SystmOne"),
    *("We've added it to her notes", "All filed", "Scanned and filed.", "added to our records", "Hi Pat, filed"),
    "Hi Pat,\n\nFiled, many thanks.\n\nAda",
    "Filed on CPOMS.\n\nKind regards\nDr Ada Example\nGP Partner\nRowan Medical Practice\nTel: 0116 496 0000",
    "Good morning\nThis is now filed in the safeguarding file.\nThanks\nada.example@rowan.example",
)
SAYS_NOTHING_OF_FILING = (
    *("Not filed yet", "will be filed", "It will be filed tomorrow", "Who filed this?", "Filed?", "is it filed"),
    *(
        "To be filed",
        "Has it been filed?",
        "It has not been filed",
        "Please file",
        "Could not be filed",
        "Should be filed",
    ),
    *(
        "filed under the wrong child",
        "Filed but the wrong child",
        "Filed, but it is not ours",
        "Filed in error",
        "filing",
    ),
    *("I'll get it filed", "filed by whom", "We have not filed it", "it is being filed", "refiled", "unfiled", "", "?"),
    *(
        "It's in the record of another family",
        "not in the record",
        "Filed for now",
        "Noted",
        "Done",
        "Thanks",
        "Received",
    ),
    *("Filed. Wrong child though.", "Filed. Actually, no.", "Filed. Should I have had this?", "Filed\n\nonly page one"),
    "I was told it's in the record",
)


@pytest.mark.parametrize("words", FILED)
def test_a_few_set_phrases_say_that_it_is_filed(words: str) -> None:
    assert confirmation(words, is_notice=False, names=NAMES) == ("filed", False)


@pytest.mark.parametrize("words", SAYS_NOTHING_OF_FILING)
def test_anything_else_says_nothing_and_is_read_by_a_person(words: str) -> None:
    assert confirmation(words, is_notice=False, names=NAMES) == (None, bool(words.strip()))


@pytest.mark.parametrize(
    "words",
    [
        "Filed. The mother told us that she leaves tonight.",
        "Filed.\n\nPS they move on Friday",
        "Filed\n\nKind regards\nAda\nHer mother rang",
        "Filed. Mum drinks",
    ],
)
def test_what_is_said_beside_it_is_never_lost(words: str) -> None:
    assert confirmation(words, is_notice=False, names=NAMES) == ("filed", True)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        *(
            (each, "flag_changed")
            for each in ("Flag removed", "The flag has been removed, thanks", "Code added", "Done")
        ),
        *(
            (each, "flag_changed")
            for each in ("we have removed the flag and added the code", "Flag removed from the file")
        ),
        *((each, "noted") for each in ("Noted", "Noted, thank you", "Acknowledged.", "Filed", "It's in the record")),
        *((each, None) for each in ("flag not removed", "who removed the flag", "which code added?", "will be done")),
        *(
            (each, None)
            for each in ("not done", "when done", "Flag removed? ", "Remove the flag", "Noted but wrong child")
        ),
    ],
)
def test_a_notice_is_answered_by_what_was_done_about_it(words: str, what: str | None) -> None:
    said = confirmation(words, is_notice=True, names=NAMES)
    assert said == (what, what is None)


def test_a_long_message_is_read_by_a_person() -> None:
    assert confirmation("Filed. " + "Thanks. " * 500, is_notice=False) == (None, True)
