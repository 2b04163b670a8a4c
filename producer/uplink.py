"""The way up: pictures to the object store side by side, then their events to the queue, many to a round trip."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from contracts.errors import Infrastructure
from contracts.facts import EventSent
from contracts.messages import Message
from contracts.ports import ObjectStore, Publisher
from contracts.traces import Stretch
from producer.device import Capture, Device, kind_of

T = TypeVar("T")

_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a device; `truth` is what it shows, where that is known."""

    device: Device
    image: bytes
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A shot that the queue accepted."""

    shot: Shot
    capture: Capture
    message: Message
    uploaded: Stretch | None = None


class Uplink:
    """Sends shots. Pictures go first, so that an event never points at nothing for long."""

    def __init__(
        self,
        objects: ObjectStore,
        events: Publisher,
        *,
        prepare: Callable[[bytes], bytes] = bytes,
        uploads_at_once: int = 8,
        batch: int = 100,
        told: Callable[[EventSent], None] | None = None,
        stamp: Callable[[UUID], Mapping[str, str]] | None = None,
    ) -> None:
        """`prepare` each picture in its upload's thread, and publish what is uploaded, up to `batch` events in one round trip.

        `told` hears of each event that was sent, and `stamp` gives the headers that go with it, beside its signature.
        """
        self._told, self._stamp = told, stamp
        self._objects, self._events, self._prepare = objects, events, prepare
        self._uploads_at_once, self._batch = uploads_at_once, batch

    def send(self, shots: Iterable[Callable[[], Shot]]) -> Iterator[list[Sent]]:
        """Send shots as they are made (each is called in an upload's thread) and yield them as they are accepted.

        Raises ObjectStoreUnavailable, QueueUnavailable or QueueFull after about ten seconds of trying.
        """
        uploads = _Uploads(self._upload, shots, self._uploads_at_once)
        while ready := uploads.take(self._batch):
            began = time.perf_counter()
            _persist(lambda: self._events.publish([sent.message for sent in ready]))
            if self._told:
                published = (began, time.perf_counter())
                for sent in ready:
                    self._told(EventSent(sent.capture.event_id, sent.shot.device.sensor_id, sent.uploaded, published))
            yield ready

    def _upload(self, make: Callable[[], Shot]) -> Sent:
        shot = make()
        shot = replace(shot, image=self._prepare(shot.image))
        capture = shot.device.capture(shot.image)
        key, content_type = capture.object_key(shot.device.sensor_id), kind_of(shot.image)[1]
        began = time.perf_counter()
        url = _persist(lambda: self._objects.put(key, shot.image, content_type))
        uploaded, message = (began, time.perf_counter()), shot.device.message(capture, url)
        if self._stamp:
            message = replace(message, headers={**message.headers, **self._stamp(capture.event_id)})
        return Sent(shot, capture, message, uploaded)


class _Uploads:
    """Uploads in threads; `take` gives what is done, and raises what went wrong."""

    def __init__(self, upload: Callable[[Callable[[], Shot]], Sent], shots: Iterable[Callable[[], Shot]], at_once: int) -> None:
        self._upload, self._shots = upload, shots
        self._room = threading.Semaphore(at_once * 2)
        self._done: queue.SimpleQueue[Future[Sent] | None] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(at_once, "upload")
        threading.Thread(target=self._feed, name="feed", daemon=True).start()

    def take(self, most: int) -> list[Sent]:
        """Wait for the next upload and return it with all others that are done; nothing when there is no more."""
        taken: list[Sent] = []
        while len(taken) < most:
            try:
                future = self._done.get(block=not taken)
            except queue.Empty:
                break
            if future is None:
                self._done.put(None)
                break
            self._room.release()
            taken.append(future.result())
        return taken

    def _feed(self) -> None:
        try:
            for shot in self._shots:
                self._room.acquire()
                self._pool.submit(self._upload, shot).add_done_callback(self._done.put)
        except Exception as error:  # noqa: BLE001 - the shots' own error belongs to whoever takes
            failed: Future[Sent] = Future()
            failed.set_exception(error)
            self._done.put(failed)
        finally:
            self._pool.shutdown(wait=True)
            self._done.put(None)


def _persist(call: Callable[[], T]) -> T:
    for pause_s in _PAUSES_S:
        try:
            return call()
        except Infrastructure:
            time.sleep(pause_s)
    return call()
