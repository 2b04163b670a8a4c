"""From items to items whose pictures were looked at: fetched ahead, computed on all cores, handed on in order."""

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import BoundedSemaphore

import numpy as np
from numpy.typing import NDArray

from contracts.errors import FleetError, Infrastructure, PredictionInvalid, Transient
from learning.duplicates import thumbnail_of
from learning.feature_cache import FeatureCache
from learning.features import Extract
from learning.graph import WIDTH
from learning.lake.items import Item
from learning.preprocessing import Decode

Begin = Callable[[Item], "Future[bytes]"]
"""Begins to fetch an item's picture; raises what `contracts.ports.ImageSource.begin` does."""
Keep = Callable[[str, bytes], str]
"""Keeps a picture under its SHA-256 and returns its URL."""
_Seen = tuple[Item, NDArray[np.float32] | None]
"""An item, and the features of its picture if they were computed anew."""
_AHEAD = 8
"""Pictures that are fetched at a time, each of up to 15 MB."""
_PAUSES_S = (0.5, 2.0)
_KEEP_EVERY = 200


@dataclass(frozen=True)
class Eyes:
    """What makes features and thumbnails of a picture's bytes. Safe to use from several threads."""

    decode: Decode
    extract: Extract
    _turns: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(os.cpu_count() or 1))
    """A picture of 25 megapixels takes half a gigabyte while it is decoded."""

    def look(self, data: bytes, known: NDArray[np.float32] | None) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return features float32 [1280], those that are `known` if any, and the thumbnail uint8 [3072].

        Raises what the decoder does, ModelUnusable, and PredictionInvalid for features that float16 cannot hold. One picture at a
        time: without a graphics card a batch takes longer for each of its pictures.
        """
        with self._turns:
            picture = self.decode(data)
            features = self.extract(picture[np.newaxis])[0] if known is None else known
        with np.errstate(over="ignore"):
            if features.shape != (WIDTH,) or not np.isfinite(features.astype(np.float16)).all():
                raise PredictionInvalid(f"features of shape {features.shape} that are no {WIDTH} numbers")
        return features, thumbnail_of(picture)


@dataclass
class Looker:
    """Looks at the pictures of items.

    `check` raises ObjectStoreUnavailable if not the picture but the store is to blame; `earlier` returns an item whose picture an
    earlier snapshot has looked at.
    """

    begin: Begin
    eyes: Eyes
    check: Callable[[], None] = lambda: None
    cache: FeatureCache | None = None
    keep: Keep | None = None
    earlier: Callable[[Item], Item | None] = lambda _: None
    _fresh: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def look(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield every item, in order, with what was made of its picture or with why nothing could be.

        Raises ObjectStoreUnavailable and ModelUnusable: such is no picture's fault.
        """
        with ThreadPoolExecutor(_AHEAD, "look") as pool:
            working: deque[Future[_Seen]] = deque()
            try:
                for item, coming in self._ahead(items):
                    working.append(self._begin_to_look(pool, item, coming))
                    if len(working) > _AHEAD:
                        yield self._kept(*working.popleft().result())
                while working:
                    yield self._kept(*working.popleft().result())
            finally:
                for future in working:
                    future.cancel()
        self._save(1)

    def _ahead(self, items: Iterable[Item]) -> Iterator[tuple[Item, "Future[bytes] | None"]]:
        """Yield each item with its picture that comes, or with None where all of it is known already."""
        coming: deque[tuple[Item, Future[bytes] | None]] = deque()
        for item in items:
            known = self.earlier(item)
            coming.append((item, self._begun(item)) if known is None else (known, None))
            if len(coming) > _AHEAD:
                yield coming.popleft()
        yield from coming

    def _begun(self, item: Item) -> "Future[bytes]":
        try:
            return self.begin(item)
        except FleetError as error:
            refused: Future[bytes] = Future()
            refused.set_exception(error)
            return refused

    def _begin_to_look(self, pool: ThreadPoolExecutor, item: Item, coming: "Future[bytes] | None") -> "Future[_Seen]":
        if coming is None:
            return _done(item)
        try:
            data = self._arrived(item, coming)
        except FleetError as error:
            if isinstance(error, Infrastructure):
                raise
            return _done(item.unseen(_said(error)))
        sha256 = hashlib.sha256(data).hexdigest()
        known = self.cache.get([sha256]).get(sha256) if self.cache else None
        return pool.submit(self._seen, item, data, sha256, known)

    def _arrived(self, item: Item, coming: "Future[bytes]") -> bytes:
        for pause_s in _PAUSES_S:
            try:
                return coming.result()
            except Transient:
                time.sleep(pause_s)
                coming = self._begun(item)
        try:
            return coming.result()
        except Transient:
            self.check()
            raise

    def _seen(self, item: Item, data: bytes, sha256: str, known: NDArray[np.float32] | None) -> _Seen:
        url = self.keep(sha256, data) if self.keep else None
        try:
            features, thumbnail = self.eyes.look(data, known)
        except FleetError as error:
            if isinstance(error, Infrastructure):
                raise
            return item.unseen(_said(error), sha256, url), None
        return item.seen(sha256, features.astype(np.float16), thumbnail, url), features if known is None else None

    def _kept(self, item: Item, fresh: NDArray[np.float32] | None) -> Item:
        if fresh is not None and item.image_sha256:
            self._fresh[item.image_sha256] = fresh
            self._save(_KEEP_EVERY)
        return item

    def _save(self, from_: int) -> None:
        if self.cache and len(self._fresh) >= from_:
            self.cache.put(self._fresh)
            self._fresh.clear()


def _done(item: Item) -> "Future[_Seen]":
    future: Future[_Seen] = Future()
    future.set_result((item, None))
    return future


def _said(error: FleetError) -> str:
    return f"{error.reason}: {error.detail}"[:300]
