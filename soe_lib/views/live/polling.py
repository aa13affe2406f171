"""Re-read the ledger every two seconds, so that everyone sees what the others do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SECONDS = 2.0


def every_two_seconds(call: Callable[[], None]) -> asyncio.Task[None] | None:
    """
    Call ``call`` now and every two seconds while the kernel lives.

    Returns
    -------
    asyncio.Task or None
        None where no event loop runs (tests call the function themselves).
    """
    call()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None

    async def again() -> None:
        while True:
            await asyncio.sleep(SECONDS)
            call()

    return loop.create_task(again())
