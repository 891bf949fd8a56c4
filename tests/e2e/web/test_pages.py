"""The pages in a browser that runs no script: what they say, that all of them can be used on a narrow screen and with
a keyboard, and that nothing fails behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import events
from tests.browser import fits, without_script
from tests.running import Up

pytestmark = pytest.mark.browser

LONG = "x" * 64
WIDTHS = (320, 1280)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A partnership with a little of everything that the pages show, as of a moment before its meetings."""
    with Up(tmp_path_factory.mktemp("pages"), as_of=events.NOW.isoformat()) as running:
        running.send_all(
            [
                events.agency("camhs-1", name="Riverside CAMHS", teams=[events.team("duty", "waiting")]),
                events.agency("gp-1", name="Mill Lane <Surgery> & Partners", channels=[]),
                events.agency("police-1", name="County Police", authority="leicester"),
                events.agency(LONG, "voluntary", name="W" * 80),
                events.child("c1", initials="AB"),
                events.child("c2", initials="CD"),
                events.relative("p1", name="Robin Example", email=None),
                events.involvement(agency_id="camhs-1", status="waiting"),
                events.involvement(agency_id="gp-1"),
                events.meeting(
                    "m1",
                    children=["c1"],
                    place="Room 1, Council House",
                    also_invite=[{"agency_id": LONG, "reason": "Knows the family"}],
                    do_not_invite=[{"agency_id": "police-1", "reason": "duplicate", "note": "Comes with the council"}],
                ),
                events.rescheduled("m1", starts_at=events.MEETING_AT + timedelta(days=2)),
                events.involvement("i-waits", person_id="c-unknown", agency_id="camhs-1"),
                b'{"specversion":"1.0","id":"bad","source":"/x","type":"quorate.agency.recorded.v1","data":{"<b>":1}}',
            ]
        )
        running.send_all(
            [
                events.answered(agency_id="camhs-1", answer="declined", reason="leave", note=LONG * 4, mode="video"),
                events.answered(agency_id="camhs-1", answer="tentative", at=events.NOW - timedelta(days=1)),
                events.answered(
                    agency_id=LONG, answer="delegated", delegate={"name": LONG, "email": f"{LONG}@charity.example"}
                ),
                events.countered(
                    agency_id=LONG,
                    starts_at=events.MEETING_AT + timedelta(days=3),
                    ends_at=events.MEETING_AT + timedelta(days=4),
                    note=LONG,
                ),
                events.answered(agency_id="gp-1", by="Somebody"),
            ]
        )
        sections = [
            events.section("W" * 300, heading="W" * 200),
            events.section("<b>Not bold.</b>", heading="<i>", audience={"only": ["camhs-1", LONG]}, children=["c1"]),
        ]
        running.send_all(
            [
                events.record(LONG, sections=sections, checked_by="W" * 200),
                events.record(LONG, sections=sections[:1], version=2),
                events.recalled(LONG, agency_id="camhs-1", version=1, reason=LONG),
                events.plan_started(LONG, category="neglect", on=date(2026, 3, 2)),
            ]
        )
        running.send_all(
            events.meeting(
                f"n{number}",
                "strategy_discussion",
                authority="rutland",
                children=["c2"],
                starts_at=events.MEETING_AT + timedelta(days=number),
            )
            for number in range(1, 31)
        )
        yield running


@pytest.fixture(params=WIDTHS)
def page(browser: Browser, request: pytest.FixtureRequest, up: Up) -> Iterator[Page]:
    """A page without script, at each width."""
    with without_script(browser, (request.param, 800), up.url) as opened:
        yield opened


def invitation_of(up: Up, meeting: str) -> str:
    found = re.search(rf"/meetings/{meeting}/invitations/\w+", up.get(f"/meetings/{meeting}").text)
    assert found is not None
    return found[0]


def paths(up: Up) -> list[str]:
    return [
        "/",
        "/?page=2",
        "/?authority=leicester",
        "/?kind=no_such_kind",
        "/meetings/m1",
        "/meetings/n1",
        invitation_of(up, "m1"),
        "/event?source=/tests/case-management&id=" + event_id(up, "m1"),
        "/exceptions",
        "/exceptions?page=2",
        "/exceptions?kind=no_such_kind",
        "/waiting",
        "/dead-letters",
        f"/records/{LONG}",
        *sorted(set(re.findall(rf"/records/{LONG}/copies/\w+", up.get(f"/records/{LONG}").text)))[:4],
        "/plans/c1",
        "/plans/c2",
    ]


def event_id(up: Up, meeting: str) -> str:
    found = re.search(r"/event\?source=[^\"&]+&amp;id=([\w.-]+)", up.get(f"/meetings/{meeting}").text)
    assert found is not None
    return found[1]


def test_every_page_has_its_frame_and_fits_the_screen(page: Page, up: Up) -> None:
    titles = []
    for path in paths(up):
        page.goto(up.url + path)
        titles.append(page.title())
        assert page.title().endswith(" – Quorate"), path
        fits(page, lang="en")
        expect(page.locator("main#main-content")).to_have_count(1)
        for table in page.locator("table").all():
            expect(table.locator("caption")).to_have_count(1)
            assert table.locator("th:not([scope])").count() == 0
        within = page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map(link => link.hash.slice(1))")
        assert all(page.locator(f"[id='{each}']").count() for each in within), path
    assert titles[0] == "Meetings to come – Quorate"


def test_every_link_of_a_page_leads_somewhere(up: Up) -> None:
    found = {
        link.replace("&amp;", "&") for path in paths(up) for link in re.findall(r'href="(/[^"]*)"', up.get(path).text)
    }
    assert len(found) > 60
    assert [link for link in sorted(found) if up.get(link).status_code != 200] == []


def test_meetings_to_come_stand_in_order_with_their_figures(page: Page, up: Up) -> None:
    page.goto(up.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Meetings to come")
    expect(page.locator("caption")).to_have_text("31 meetings, the next one first")
    first = page.locator("tbody tr").nth(0)
    expect(first).to_contain_text("Strategy discussion")
    expect(first).to_contain_text("Thursday 2 April 2026, 10:00am")
    expect(page.locator("tbody tr")).to_have_count(25)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("tbody tr")).to_have_count(6)
    page.get_by_role("link", name="Previous").click()
    expect(page.locator("tbody tr")).to_have_count(25)


def test_meetings_are_filtered_by_authority_and_kind(page: Page, up: Up) -> None:
    page.goto(up.url)
    page.get_by_label("Authority").select_option("leicester")
    page.get_by_label("Kind of meeting").select_option("initial_conference")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("caption")).to_have_text("1 meeting, the next one first")
    expect(page.locator("tbody tr")).to_contain_text("Friday 3 April 2026, 10:00am")
    expect(page.get_by_label("Authority")).to_have_value("leicester")
    page.get_by_label("Kind of meeting").select_option("strategy_discussion")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No meeting to come is of this authority and kind.")).to_be_visible()


def test_a_meeting_says_who_is_asked_and_who_is_not_and_why(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/meetings/m1")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Friday 3 April 2026")
    asked = page.locator("#invited + table tbody tr")
    left_out = page.locator("#not-invited + table tbody tr")
    camhs = asked.filter(has_text="Riverside CAMHS")
    expect(camhs).to_contain_text("waiting list")
    expect(camhs).to_contain_text("duty@teams.nhs.example")
    surgery = left_out.filter(has_text="Mill Lane <Surgery> & Partners")
    expect(surgery).to_contain_text("No usable address")
    expect(left_out.filter(has_text="Robin Example")).to_contain_text("No usable address")
    expect(left_out.filter(has_text="County Police")).to_contain_text("Duplicate")
    expect(page.locator("#told + table tbody tr")).to_have_count(2)


def test_a_meeting_says_who_comes_and_each_answer_opens_down_to_its_event(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/meetings/m1")
    camhs = page.locator("#answers ~ table").first.locator("tbody tr").filter(has_text="Riverside CAMHS")
    expect(camhs).to_contain_text("Apologies")
    expect(camhs).to_contain_text("Reason: on leave")
    camhs.get_by_text("1 earlier answer").click()
    expect(camhs).to_contain_text("to an earlier time of the meeting")
    page.get_by_role("link", name="1 sends apologies").click()
    expect(page).to_have_url(re.compile(r"/meetings/m1#answer-\d$"))
    camhs.get_by_role("link", name="The event behind this: Riverside CAMHS", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Invitation answered")
    expect(page.locator("pre").first).to_contain_text('"reason": "leave"')


def test_a_figure_opens_down_to_the_event_that_made_it(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/?kind=initial_conference")
    page.get_by_role("link", name=re.compile("not invited")).click()
    expect(page).to_have_url(re.compile(r"/meetings/m1#not-invited$"))
    surgery = page.locator("#not-invited + table tbody tr").filter(has_text="Mill Lane")
    surgery.get_by_text("Events behind this").click()
    surgery.get_by_role("link", name="Involvement recorded").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Involvement recorded")
    expect(page.locator("pre").first).to_contain_text('"agency_id": "gp-1"')


def test_a_message_is_shown_as_its_reader_sees_it(page: Page, up: Up) -> None:
    page.goto(up.url + invitation_of(up, "m1"))
    page.get_by_role("link", name=re.compile("change$")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("conference")
    expect(page.locator("pre")).to_contain_text("OFFICIAL-SENSITIVE")
    frame = page.frame_locator("iframe")
    expect(frame.locator("body")).to_contain_text("OFFICIAL-SENSITIVE")
    assert page.locator("iframe").get_attribute("sandbox") == ""
    expect(page.get_by_role("heading", name="In the calendar")).to_be_visible()
    expect(page.locator("dl").last).to_contain_text("Friday 3 April 2026, 10:00am")
    earlier = page.get_by_role("link", name=re.compile("invitation$"))
    earlier.click()
    expect(page.locator("dl").last).to_contain_text("Wednesday 1 April 2026, 10:00am")


def test_exceptions_name_whom_they_are_about_and_lead_to_the_meeting(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/exceptions")
    page.get_by_label("Kind of exception").select_option("no_usable_address")
    page.get_by_role("button", name="Show").click()
    rows = page.locator("tbody tr").filter(has_text="Mill Lane <Surgery> & Partners")
    expect(rows.first).to_contain_text("No usable address")
    of_plan = rows.filter(has_text="The child’s plans")
    expect(of_plan.get_by_role("link")).to_have_attribute("href", "/plans/c1")
    rows.filter(has_not_text="The child’s plans").first.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/meetings/m1#exception-\w+$"))


def test_what_waits_and_what_was_refused_is_told_with_the_reason(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/waiting")
    expect(page.locator("tbody tr")).to_contain_text("c-unknown")
    page.goto(f"{up.url}/dead-letters")
    row = page.locator("tbody tr")
    expect(row).to_contain_text("bad of /x")
    expect(row).to_contain_text("$.time")


def test_the_first_key_offers_to_skip_to_the_content(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/meetings/m1")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to main content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main-content$"))


def test_the_events_behind_a_decision_open_with_the_keyboard(page: Page, up: Up) -> None:
    page.goto(f"{up.url}/meetings/m1")
    details = page.locator("details").first
    details.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(details.get_by_role("link").first).to_be_visible()


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nope", 404, "Page not found"),
        ("/meetings/nope", 404, "Page not found"),
        ("/meetings/m1/invitations/nope", 404, "Page not found"),
        ("/event?source=/x&id=nope", 404, "Page not found"),
        ("/event", 400, "The address is not right"),
        ("/?page=minus", 400, "The address is not right"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_in_a_page(up: Up, path: str, status: int, says: str) -> None:
    answer = up.get(path)
    assert answer.status_code == status
    assert f'<h1 class="govuk-heading-l">{says}</h1>' in answer.text
    assert "Traceback" not in answer.text


def test_with_no_data_every_page_says_so(browser: Browser, tmp_path: Path) -> None:
    with Up(tmp_path) as up:
        page = browser.new_page(java_script_enabled=False)
        for path, says in (
            ("/", "No meeting to come is known"),
            ("/exceptions", "There are none"),
            ("/waiting", "None is waiting"),
            ("/dead-letters", "There are none"),
        ):
            page.goto(up.url + path)
            expect(page.locator("main")).to_contain_text(says)
        page.close()
