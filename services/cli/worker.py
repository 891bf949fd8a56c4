"""The process that takes events from Kafka and hands outcomes back."""

from __future__ import annotations

from services.bootstrap import House
from services.cli.processes import keep, say
from services.cli.terminal import fail
from services.foundation.settings import Settings
from services.running.lifetime import keep_running
from services.running.process import Part
from services.streams.connection import BrokerTrouble
from services.streams.relay import Relaying
from services.streams.worker import Consuming


def worker() -> None:
    """Keep taking events from Kafka and handing outcomes to it, beside as many other workers as are needed.

    The topics must be there as declared: quorate topics ensure makes them. QUORATE_HEALTH_LISTEN is where it answers
    /healthz, /readyz and /metrics.
    """

    def parts(house: House) -> list[Part]:
        return [Consuming(house), Relaying(house)]

    async def go(settings: Settings) -> None:
        taken = f"Events are taken from Kafka as group {settings.group}"
        await keep_running(settings, parts, lambda health: say(taken, health))

    try:
        keep(go)
    except BrokerTrouble as wrong:
        fail(str(wrong))
