from __future__ import annotations

from datetime import timedelta

from services.bootstrap import House
from services.intake.accept import Arrival
from tests.clock import MovableClock

AGENCY = b"""{"specversion": "1.0", "id": "e1", "source": "/city/records", "type": "quorate.agency.recorded.v1",
"time": "2026-11-01T09:00:00+00:00", "subject": "gp-1", "partitionkey": "gp-1", "data": {"agency_id": "gp-1",
"kind": "gp", "name": "Example Surgery", "channels": []}}"""


async def test_what_is_accepted_is_known_the_second_time_on_either_store(house: House, clock: MovableClock) -> None:
    arrival = Arrival(AGENCY, {"file": "sample", "line": 1})
    assert [verdict.state for verdict in await house.intake.accept([arrival, arrival])] == ["accepted", "known"]
    clock.advance(timedelta(days=1))
    assert [verdict.state for verdict in await house.intake.accept([arrival])] == ["known"]
