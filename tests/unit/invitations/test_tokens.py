from datetime import UTC, datetime, timedelta

from services.invitations.rules import invitation_id
from services.invitations.tokens import (
    answer_link,
    invitation_of,
    is_right,
    local_part,
    looks_like_ours,
    read_link,
    use_and_invitation,
)

KEY = b"key"
DOMAIN = "quorate.example"
NAME = invitation_id("m1", "agency:camhs-1:")
OTHER = invitation_id("m2", "agency:camhs-1:")
UNTIL = datetime(2026, 12, 24, 12, tzinfo=UTC)


def address(key: bytes = KEY, use: str = "reply", name: str = NAME) -> str:
    return f"{local_part(key, use, name)}@{DOMAIN}"


def test_an_address_of_an_invitation_leads_back_to_it() -> None:
    for use in ("reply", "bounce"):
        assert invitation_of(KEY, DOMAIN, address(use=use)) == NAME
        assert use_and_invitation(KEY, DOMAIN, address(use=use).upper()) == (use, NAME)
    assert invitation_of(KEY, DOMAIN, address().upper()) == NAME, "some servers write addresses in capitals"


def test_an_address_made_without_the_key_or_for_another_invitation_leads_nowhere() -> None:
    assert invitation_of(KEY, DOMAIN, address(key=b"another")) is None
    assert invitation_of(KEY, DOMAIN, address().replace(NAME, OTHER)) is None
    assert invitation_of(KEY, DOMAIN, f"{local_part(KEY, 'reply', NAME)}@elsewhere.example") is None
    assert invitation_of(KEY, DOMAIN, "duty@camhs.example") is None
    assert looks_like_ours(DOMAIN, address(key=b"another"))
    assert not looks_like_ours(DOMAIN, "duty@camhs.example")


def test_whoever_knows_where_to_reply_to_does_not_know_where_a_message_is_given_back_to() -> None:
    reply, bounce = address(use="reply"), address(use="bounce")
    assert invitation_of(KEY, DOMAIN, reply.replace("reply+", "bounce+")) is None
    assert invitation_of(KEY, DOMAIN, bounce.replace("bounce+", "reply+")) is None


def test_an_address_fits_into_the_64_characters_that_mail_allows() -> None:
    assert len(local_part(KEY, "bounce", NAME)) <= 64


def test_a_link_is_right_for_its_own_address_and_time_only() -> None:
    link = answer_link(KEY, NAME, "Duty@camhs.example", UNTIL)
    assert read_link(link) == (NAME, UNTIL)
    assert is_right(KEY, link, "duty@CAMHS.example")
    assert not is_right(KEY, link, "other@camhs.example")
    assert not is_right(b"another", link, "duty@camhs.example")
    later = link.replace(f"-{int(UNTIL.timestamp()):x}-", f"-{int((UNTIL + timedelta(days=9)).timestamp()):x}-")
    assert read_link(later) == (NAME, UNTIL + timedelta(days=9))
    assert not is_right(KEY, later, "duty@camhs.example")
    assert not is_right(KEY, link.replace(NAME, OTHER), "duty@camhs.example")


def test_what_is_no_link_is_told_apart() -> None:
    for text in ("", "x", f"{NAME}--", f"{NAME}-zz-{NAME}", f"{NAME}-1-{NAME}/../x"):
        assert read_link(text) is None
        assert not is_right(KEY, text, "duty@camhs.example")
