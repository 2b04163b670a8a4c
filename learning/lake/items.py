"""One labelled item: what is known of it, and what was made of its picture."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from contracts.lake import LabelledEvent
from learning.datasets import Sample

BURST_S = 60
"""What one sensor saw within the same minute is one group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A row of a snapshot. `date` and `source` are partitions, all else are columns of the same name.

    An event of the field has an `event_id`, a base picture a `file` with its `split` and `part`. `actual` is None for what is none
    of the five. `features` are 1280 little-endian float16, `thumbnail` is uint8 [32, 32, 3] as `learning.duplicates` needs it; both
    are None, and `problem` says why, where there is no usable picture. `image_sha256` is of its file.
    """

    date: date
    source: str
    group: str
    event_id: str | None = None
    file: str | None = None
    sensor_id: str | None = None
    site: str | None = None
    captured_at: datetime | None = None
    image_url: str | None = None
    actual: str | None = None
    labels: int = 1
    decided: str | None = None
    confidence: float | None = None
    kind: str | None = None
    model_version: str | None = None
    sampling_probability: float | None = None
    brightness: float | None = None
    sharpness: float | None = None
    entropy: float | None = None
    split: str | None = None
    part: str | None = None
    image_sha256: str | None = None
    features: bytes | None = None
    thumbnail: bytes | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """The item's name in its snapshot: the event's id, or the file of a base picture."""
        return self.event_id or self.file or ""

    def seen(self, sha256: str, features: NDArray[np.float16], thumbnail: NDArray[np.uint8], image_url: str | None = None) -> Self:
        """Return the item with what was made of its picture."""
        return replace(
            self,
            image_sha256=sha256,
            features=features.astype("<f2").tobytes(),
            thumbnail=thumbnail.tobytes(),
            image_url=image_url or self.image_url,
        )

    def unseen(self, problem: str, sha256: str | None = None, image_url: str | None = None) -> Self:
        """Return the item with the reason why nothing could be made of its picture."""
        return replace(self, problem=problem, image_sha256=sha256, image_url=image_url or self.image_url)


def item_of_event(event: LabelledEvent) -> Item:
    """Return a labelled event as an item whose picture was not looked at yet."""
    captured_at = event.captured_at.astimezone(UTC)
    minute = captured_at.timestamp() // BURST_S * BURST_S
    return Item(
        date=captured_at.date(),
        source=event.source,
        group=f"{event.sensor_id}/{datetime.fromtimestamp(minute, UTC):%Y-%m-%dT%H:%M}",
        event_id=str(event.event_id),
        sensor_id=event.sensor_id,
        site=event.site,
        captured_at=captured_at,
        image_url=event.image_url,
        actual=event.actual.value,
        labels=event.labels,
        decided=event.decided.value,
        confidence=event.confidence,
        kind=event.kind.value,
        model_version=event.model_version,
        sampling_probability=event.sampling_probability,
        brightness=event.brightness,
        sharpness=event.sharpness,
        entropy=event.entropy,
    )


def item_of_sample(sample: Sample, file: str, day: date) -> Item:
    """Return a picture of a manifest, which lies at `file` in its folder and came in on `day`, as an item."""
    return Item(
        date=day,
        source=sample.source,
        group=sample.group,
        file=file,
        actual=sample.category.value if sample.category else None,
        split=sample.split.value,
        part=sample.part.value if sample.part else None,
    )
