"""The server's own heartbeat: that its loop goes round, and whether Postgres answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool

from contracts.errors import Infrastructure

_EVERY_S = 2.0


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
        while True:
            self._tick()
            try:
                await run_in_threadpool(self._ask)
            except Infrastructure:
                self._told(False)
            else:
                self._told(True)
            await asyncio.sleep(_EVERY_S)
