"""Work that waits for others without saying so, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_a_thread(work: Callable[[], T], name: str) -> T:
    """Do what blocks in a thread of its own, which no end of the process waits for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(act: Callable[[], None]) -> None:
        if not done.done():
            act()

    def go() -> None:
        try:
            result = work()
        except BaseException as error:
            failure = error
            loop.call_soon_threadsafe(tell, lambda: done.set_exception(failure))
        else:
            loop.call_soon_threadsafe(tell, lambda: done.set_result(result))

    threading.Thread(target=go, name=name, daemon=True).start()
    return await done
