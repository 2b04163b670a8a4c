"""Who asks for an outcome may wait for it: one query a tick for all who wait, and no connection held by any."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from contracts.gateway import EventState
from intake.gateway.ledger_reads import LedgerReads

_TICK_S = 0.05


class Waiters:
    """Answers for events, when they are decided or when the time of who asks is over."""

    def __init__(self, reads: LedgerReads, in_thread: Callable[..., Awaitable[dict[UUID, EventState]]] = asyncio.to_thread) -> None:
        """Ask `reads`, outside the event loop."""
        self._reads, self._in_thread = reads, in_thread
        self._waiting: dict[UUID, list[asyncio.Future[EventState | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, event_id: UUID, wait_s: float) -> EventState | None:
        """Return what is known of an event, at the latest after `wait_s`; None if nothing is. Raises LedgerUnavailable."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            state = await self._next(event_id)
            if (state is not None and state.kind is not None) or loop.time() >= until:
                return state
            await asyncio.sleep(min(_TICK_S, max(0.0, until - loop.time())))

    async def _next(self, event_id: UUID) -> EventState | None:
        future: asyncio.Future[EventState | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(event_id, []).append(future)
        if self._task is None:
            self._task = asyncio.create_task(self._rounds())
        return await future

    async def _rounds(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                try:
                    found = await self._in_thread(self._reads.states, list(asked))
                except Exception as error:  # noqa: BLE001 - who waits is told; a task that ended would tell nobody
                    _fail(asked, error)
                    continue
                for event_id, futures in asked.items():
                    for future in futures:
                        if not future.done():
                            future.set_result(found.get(event_id))
        finally:
            self._task = None


def _fail(asked: dict[UUID, list["asyncio.Future[EventState | None]"]], error: Exception) -> None:
    for futures in asked.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
