"""Threads of their own for what takes long: what hangs or is asked for by a flood shall hold up its own kind and nothing else."""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Threads:
    """Some threads for one kind of work; who finds them busy waits."""

    def __init__(self, name: str, at_once: int) -> None:
        """Work on at most `at_once` threads; `name` tells this kind from others."""
        self._limiter: RunVar[CapacityLimiter] = RunVar(name)
        self._at_once = at_once

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return self._of_this_loop().statistics().tasks_waiting

    async def run(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Return what `work` returns; raises what it raises."""
        return await to_thread.run_sync(work, *arguments, limiter=self._of_this_loop())

    def on(self, answer: Callable[..., Result]) -> Callable[..., Coroutine[Any, Any, Result]]:
        """Return an endpoint with the parameters of `answer`, which works on these threads."""

        @wraps(answer)
        async def run(**values: Any) -> Result:
            return await self.run(partial(answer, **values))

        return run

    def _of_this_loop(self) -> CapacityLimiter:
        try:
            return self._limiter.get()
        except LookupError:
            limiter = CapacityLimiter(self._at_once)
            self._limiter.set(limiter)
            return limiter
