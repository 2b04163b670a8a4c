"""Who may speak: a sensor's registration, as ops see it. The credential itself is derived and stored nowhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """A sensor that was added; `site` is the place or fleet it belongs to, "" for none.

    `refused_through` is the last generation that is refused now; until `overlap_until` the one before `generation` counts too.
    """

    sensor_id: str
    site: str
    generation: int
    refused_through: int
    overlap_until: datetime | None
    added_at: datetime
    note: str

    @property
    def revoked(self) -> bool:
        """Whether no credential of this sensor is taken."""
        return self.refused_through >= self.generation


class DeviceRegistry(Protocol):
    """Where devices are registered. Raises LedgerUnavailable; DeviceRefused for what cannot be done to this sensor."""

    def add(self, sensor_id: str, site: str, note: str) -> RegisteredDevice:
        """Register a sensor with the first generation that is not refused."""

    def rotate(self, sensor_id: str, overlap_s: float) -> RegisteredDevice:
        """Give the next generation; the one before is refused after `overlap_s`, and older ones at once."""

    def revoke(self, sensor_id: str, through: int | None, note: str) -> int:
        """Refuse the generations up to `through` (None: all so far), known or not; return up to which they are refused now."""

    def find(self, sensor_id: str) -> RegisteredDevice | None:
        """Return a registered sensor."""

    def heard_of(self, sensor_id: str) -> bool:
        """Return whether a sensor was registered, or ever sent something that was believed."""

    def devices(self, site: str | None) -> Sequence[RegisteredDevice]:
        """Return the registered sensors by name, of one site or of all."""
