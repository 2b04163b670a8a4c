"""How all layers are trained: the numbers of one run, without PyTorch."""

from dataclasses import dataclass
from pathlib import Path

from learning.graph import SIDE_PX


@dataclass(frozen=True)
class Plan:
    """How to train; `checkpoint` is written after each epoch, and gone on from if it is there.

    Pictures begin `first_side_px` large and grow to their full size within the first two thirds of the epochs: most of
    what is learned from small ones costs a fraction of the time (progressive learning, Tan and Le 2021). In the
    end the weights go back to `trained_share` of the way from the published ones, and the head is fitted again.
    """

    epochs: int = 24
    pictures_per_epoch: int = 2400
    batch: int = 16
    rate: float = 2e-4
    head_rate: float = 6e-4
    decay: float = 0.02
    smoothing: float = 0.05
    paste: float = 0.3
    trained_share: float = 0.7
    first_side_px: int = 160
    patience: int = 6
    seed: int = 0
    checkpoint: Path | None = None

    def side_px(self, epoch: int) -> int:
        """Return how large pictures are in an epoch, from 0: a multiple of 32, at most 224."""
        grown = min(1.0, epoch / max(1.0, self.epochs * 2 / 3))
        return min(SIDE_PX, 32 * round((self.first_side_px + (SIDE_PX - self.first_side_px) * grown) / 32))
