"""From checked events onto the edge queue: whatever requests bring while one round trip is under way goes with the next."""

import asyncio
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from contracts.errors import FleetError
from contracts.facts import EventForwarded
from contracts.gateway import Rates, Wanted
from contracts.messages import Message
from contracts.ports import MessageQueue
from contracts.traces import Stretch
from intake.gateway.ledger_reads import LedgerReads
from intake.gateway.problems import CONFLICT, TOO_FAST, UNFORESEEN, Problem, problem_of
from intake.gateway.submissions import Submission

_AT_ONCE = 2000
_REMEMBERED = 200_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event is on the queue; `again` if it was before."""

    event_id: UUID
    again: bool = False


Fate = Accepted | Problem


@dataclass(slots=True)
class _Job:
    submissions: Sequence[Submission]
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[list[Fate]]"


class Publisher:
    """Publishes in a thread of its own. An event is accepted when the queue has it, never before."""

    def __init__(
        self,
        edge: MessageQueue,
        rates: Rates,
        reads: LedgerReads,
        *,
        told: Callable[[EventForwarded], None] | None = None,
        stamp: Callable[[UUID], Mapping[str, str]] | None = None,
    ) -> None:
        """Ask `rates` before anything is sent, and `reads` for what came long ago.

        `told` hears of each event that was sent, and `stamp` gives the headers that go with it, beside its signature.
        """
        self._edge, self._rates, self._reads = edge, rates, reads
        self._told, self._stamp = told, stamp
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # By bytes and not by UUIDs, which the garbage collector would look through again and again: 60 ms for all of them.
        self._seen: OrderedDict[bytes, tuple[str, bytes]] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Publish what has come and end."""
        self._jobs.put(None)
        self._thread.join(timeout=10)

    async def publish(self, submissions: Sequence[Submission]) -> list[Fate]:
        """Return what became of each event."""
        loop = asyncio.get_running_loop()
        job = _Job(submissions, loop, loop.create_future())
        self._jobs.put(job)
        return await job.done

    def remembers(self, event_id: UUID, sensor_id: str) -> bool:
        """Return whether this process accepted this event of this sensor lately: it may be on the queue still."""
        return self._seen.get(event_id.bytes, ("", b""))[0] == sensor_id

    def _run(self) -> None:
        while jobs := list(self._gather()):
            try:
                fates = self._round(jobs)
            except FleetError as error:
                fates = [[problem_of(error)] * len(job.submissions) for job in jobs]
            except Exception:  # noqa: BLE001 - a thread that ends would let every request wait for ever
                structlog.get_logger("waste").exception("publishing_failed")
                fates = [[Problem(UNFORESEEN)] * len(job.submissions) for job in jobs]
            _answer(jobs, fates)

    def _gather(self) -> Iterator[_Job]:
        job = self._jobs.get()
        count = 0
        while job is not None:
            yield job
            count += len(job.submissions)
            if count >= _AT_ONCE:
                return
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
        self._jobs.put(None)  # for the next look: what came before the end is published first

    def _round(self, jobs: Sequence[_Job]) -> list[list[Fate]]:
        known = self._known({one.event_id for job in jobs for one in job.submissions})
        fresh: dict[UUID, Submission] = {}
        shares: list[dict[str, list[Submission]]] = []
        for job in jobs:
            shares.append({})
            for one in job.submissions:
                if one.event_id not in known and fresh.setdefault(one.event_id, one) is one:
                    shares[-1].setdefault(one.sensor_id, []).append(one)
        refused = self._send([group for share in shares for group in share.values()])
        return [[_fate(one, known, fresh, refused) for one in job.submissions] for job in jobs]

    def _known(self, event_ids: set[UUID]) -> dict[UUID, bytes]:
        seen = {event_id: self._seen.get(event_id.bytes) for event_id in event_ids}
        known = {event_id: found[1] for event_id, found in seen.items() if found}
        unknown = event_ids - known.keys()
        return known | (self._reads.digests(unknown) if unknown else {})

    def _send(self, groups: Sequence[Sequence[Submission]]) -> dict[UUID, float]:
        """Publish what its sensor may send now, each request's events of a sensor whole; return who has to wait how long."""
        waits = self._rates.take([Wanted(group[0].sensor_id, len(group)) for group in groups])
        sent = [one for group, wait_s in zip(groups, waits, strict=True) if not wait_s for one in group]
        if sent:
            began = time.perf_counter()
            self._edge.publish([self._stamped(one) for one in sent])
            self._tell(sent, (began, time.perf_counter()))
        for one in sent:
            self._seen[one.event_id.bytes] = (one.sensor_id, one.digest)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return {one.event_id: wait_s for group, wait_s in zip(groups, waits, strict=True) if wait_s for one in group}

    def _stamped(self, one: Submission) -> Message:
        stamp = self._stamp(one.event_id) if self._stamp else None
        return replace(one.message, headers={**one.message.headers, **stamp}) if stamp else one.message

    def _tell(self, sent: Sequence[Submission], published: Stretch) -> None:
        if self._told:
            for one in sent:
                self._told(EventForwarded(one.event_id, one.sensor_id, one.traceparent, published))


def _fate(one: Submission, known: Mapping[UUID, bytes], fresh: Mapping[UUID, Submission], refused: Mapping[UUID, float]) -> Fate:
    first = fresh.get(one.event_id)
    if (known[one.event_id] if first is None else first.digest) != one.digest:
        return Problem(CONFLICT, f"{one.event_id} came before with another content", "event_id")
    if wait_s := refused.get(one.event_id):
        return Problem(TOO_FAST, retry_after_s=wait_s)
    return Accepted(one.event_id, again=first is not one)


def _answer(jobs: Sequence[_Job], fates: Sequence[list[Fate]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[list[Fate]], list[Fate]]]] = {}
    for job, own in zip(jobs, fates, strict=True):
        by_loop.setdefault(job.loop, []).append((job.done, own))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:  # the loop has ended, and with it who asked
            continue


def _resolve(answers: Sequence[tuple["asyncio.Future[list[Fate]]", list[Fate]]]) -> None:
    for future, fates in answers:
        if not future.done():
            future.set_result(fates)
