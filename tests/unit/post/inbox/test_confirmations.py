"""Which words say that a copy is filed or a flag changed, and which do not."""

from __future__ import annotations

import pytest

from services.post.inbox.rules.confirmations import confirmation
from services.records.rules.flags import LEAVE, REMOVE, SET, UPDATE

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
    assert confirmation(words, flag=None, names=NAMES) == ("filed", False)


@pytest.mark.parametrize("words", SAYS_NOTHING_OF_FILING)
def test_anything_else_says_nothing_and_is_read_by_a_person(words: str) -> None:
    assert confirmation(words, flag=None, names=NAMES) == (None, bool(words.strip()))


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
    assert confirmation(words, flag=None, names=NAMES) == ("filed", True)


TAKEN_OFF = (
    *("Flag removed", "The flag has been removed, thanks", "Flag removed from the file", "Alert taken off our system"),
    *("CP flag cleared.", "The child protection alert is now closed", "Flags ended", "We've removed both flags"),
    *("we have removed the flag and added the code", "Flag removed and suggested codes added"),
    *("The ended codes have been added", "Code \u201cno longer subject to child protection plan\u201d added"),
    *("'No longer on a plan' code added today", "Ended code added to the child's record"),
)
PUT_ON = (
    *(
        "Flag added",
        "The flag has been added to our records.",
        "CP flag set.",
        "Alert put on.",
        "Code added",
        "Alert put on EMIS",
    ),
    *("We have now put on the alert", "Flag put back on our system, thanks", "Flag added and code added"),
)
UPDATED = ("Flag updated", "The alert has been changed", "Codes updated on EMIS", "We have updated the flag")
AS_SUGGESTED = ("The suggested codes have been added", "Suggested code added to her record")
SAYS_NO_DIRECTION = (
    *("Done", "All done.", "Flag changed?", "Flag sorted", "Actioned", "Flag", "Code deleted", "Code removed", "Yes"),
    *("Flag removed and alert added", "Alert added and flag removed", "Flag removed, code set", "Flag removed/added"),
    *("Flag removed. Alert added.", "Flag added.\n\nFlag removed.", "Noted. Flag added.", "Noted.\nFlag removed."),
    *("flag not removed", "Flag not yet removed", "We cannot remove the flag", "Flag could not be added", "not done"),
    *("Flag to be removed", "Flag removed?", "Remove the flag", "who removed the flag", "which code added?", "added"),
    *("Flag removed. Not hers though.", "Flag added yesterday by mistake", "will be done", "Flag removed for now"),
    *("Flag removed\n\nFlag added is what you asked for", "Noted but wrong child", "I was told: flag removed"),
)
NO_FLAG = (
    *("No such flag", "Our records carry no such flag.", "We carry no such flag", "There was no flag on our system"),
    *("Our record never carried such a flag", "We have never had a flag", "No alert on the child's record, thanks"),
)


@pytest.mark.parametrize(
    ("flag", "right", "wrong"),
    [
        (REMOVE, (*TAKEN_OFF, *AS_SUGGESTED), (*PUT_ON, *UPDATED)),
        (SET, (*PUT_ON, *AS_SUGGESTED), (*TAKEN_OFF, *UPDATED)),
        (UPDATE, (*PUT_ON, *AS_SUGGESTED, *UPDATED), TAKEN_OFF),
        (LEAVE, (), (*TAKEN_OFF, *PUT_ON, *AS_SUGGESTED, *UPDATED)),
    ],
)
def test_a_flag_was_changed_as_the_notice_asks_or_a_person_reads_it(
    flag: str, right: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    said = {each: confirmation(each, flag=flag, names=NAMES) for each in (*right, *wrong, *SAYS_NO_DIRECTION)}
    assert {each for each, what in said.items() if what == ("flag_changed", False)} == {*right}
    assert {what for each, what in said.items() if each not in right} == {(None, True)}


@pytest.mark.parametrize("flag", [REMOVE, SET, UPDATE, LEAVE])
@pytest.mark.parametrize("words", NO_FLAG)
def test_that_the_records_carry_no_such_flag_is_told_and_where_one_should_be_a_person_reads_it(
    words: str, flag: str
) -> None:
    assert confirmation(words, flag=flag, names=NAMES) == ("no_flag", flag != REMOVE)


@pytest.mark.parametrize("flag", [REMOVE, SET, UPDATE, LEAVE])
@pytest.mark.parametrize("words", ["Noted", "Noted, thank you", "Acknowledged.", "Filed", "Received and noted"])
def test_that_a_notice_was_noted_says_nothing_of_a_flag(words: str, flag: str) -> None:
    assert confirmation(words, flag=flag, names=NAMES) == ("noted", False)


@pytest.mark.parametrize(
    "words", ["Added to our records.", "It's on our system", "It has been put on the child's record"]
)
def test_what_may_be_said_of_a_flag_is_not_taken_for_word_of_the_letter_that_asks_to_take_it_off(words: str) -> None:
    assert confirmation(words, flag=REMOVE, names=NAMES) == (None, True)
    assert confirmation(words, flag=SET, names=NAMES) == ("noted", False)


@pytest.mark.parametrize(
    "words", ["No flag", "We have no flag yet", "No such flag? ", "There is no flag on the record of another child"]
)
def test_what_may_mean_something_else_is_no_word_that_there_is_no_flag(words: str) -> None:
    assert confirmation(words, flag=REMOVE, names=NAMES) == (None, True)


def test_a_long_message_is_read_by_a_person() -> None:
    assert confirmation("Filed. " + "Thanks. " * 500, flag=None) == (None, True)
