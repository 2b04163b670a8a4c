"""The server's own heartbeat: that its loop goes round, and whether Postgres answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from anyio import to_thread

from contracts.errors import Infrastructure

_EVERY_S, _HANGS_S = 2.0, 10.0


class Pulse:
    """Calls `tick` from the server's loop, and tells `told` whether `ask` raises Infrastructure."""

    def __init__(self, tick: Callable[[], None], ask: Callable[[], object], told: Callable[[bool], None]) -> None:
        """Begin when the application does."""
        self._tick, self._ask, self._told = tick, ask, told

    @asynccontextmanager
    async def beating(self, _: object) -> AsyncIterator[None]:
        """Beat while the context lasts; an application's lifespan."""
        beats = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beats.cancel()
            with suppress(asyncio.CancelledError):
                await beats

    async def _beat(self) -> None:
        # The loop goes round whether Postgres answers or not: one that hangs makes the desk unready, and is no reason to end it.
        asking, since = asyncio.create_task(self._answers()), time.monotonic()
        try:
            while True:
                self._tick()
                await asyncio.wait({asking}, timeout=_EVERY_S)
                if asking.done():
                    self._told(asking.result())
                    await asyncio.sleep(_EVERY_S)
                    asking, since = asyncio.create_task(self._answers()), time.monotonic()
                elif time.monotonic() - since > _HANGS_S:
                    self._told(False)
        finally:
            asking.cancel()

    async def _answers(self) -> bool:
        try:
            await to_thread.run_sync(self._ask, abandon_on_cancel=True)
        except Infrastructure:
            return False
        return True
