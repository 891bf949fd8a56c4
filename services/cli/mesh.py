"""The process that speaks to MESH, the NHS's message exchange."""

from __future__ import annotations

from services.cli.processes import keep, say
from services.foundation.settings import Settings
from services.running.lifetime import keep_running
from services.running.mail_in import Sorting
from services.running.mesh import by_mesh
from services.running.process import CannotStart


def mesh() -> None:
    """Keep sending by MESH what is due, and taking in what comes by it.

    It wants our mailbox there in QUORATE_MESH, and what goes with it. What comes is kept first, acknowledged then, and
    told apart with the mail. QUORATE_HEALTH_LISTEN is where it answers /healthz, /readyz and /metrics. One such process
    is enough: another one on the same database stands by.
    """
    keep(go)


async def go(settings: Settings) -> None:
    """Run the process."""
    place = settings.mesh_mailbox
    if place is None:
        raise CannotStart("QUORATE_MESH is not set: name our mailbox on MESH, and what goes with it (.env.example)")
    await keep_running(
        settings,
        lambda house: [*by_mesh(house), Sorting(house)],
        lambda health: say(f"MESH is spoken to at {place.url}", health),
    )
