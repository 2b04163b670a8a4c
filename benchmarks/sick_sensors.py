"""Whether a sick camera is told from a new kind of waste: a simulated fleet with real pictures, real faults and the real rule.

    python -m benchmarks.sick_sensors [--bins N] [--pictures N] [--a-day N] [--days N] [--seed N]

Each bin has a place, a light and a mix of waste of its own. Its pictures are rendered, spoilt as its fault does it, saved as JPEG,
read and measured as a worker does. A day is a draw of `--a-day` of them in a light of its own; a fault lasts for the whole day.
"""

import argparse
import io
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from adapters.pictures.facts import measure
from adapters.pictures.pixels import decode
from contracts.categories import CATEGORIES
from contracts.pictures import CameraFault, PictureFacts, SensorDay
from learning.truth.cameras import Round, judge
from producer.render import render

FAULTS: dict[str, CameraFault | None] = {
    "blur 1.5 px": CameraFault.LENS_DIRTY,
    "blur 3 px": CameraFault.LENS_DIRTY,
    "smear": CameraFault.LENS_DIRTY,
    "light at 0.5": CameraFault.BIN_DARK,
    "light at 0.25": CameraFault.BIN_DARK,
    "moved elsewhere": CameraFault.CAMERA_MOVED,
    "turned and shifted": CameraFault.CAMERA_MOVED,
}
"""What is done to a bin, and what it has to be called."""
FLEET_WIDE = ("new waste", "dimmer season", "softer pictures")
"""What befalls all bins at once: nobody is to be sent out for it."""
Degrade = Callable[[Image.Image, np.random.Generator], Image.Image]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a simulated fleet: what each fault was called how often, and how many of how many healthy bin-days got a ticket.

    `fleet` says of each change of the whole fleet whether it drifts, and how many tickets it made.
    """

    named: dict[str, Counter[str]]
    tickets: int
    bin_days: int
    fleet: dict[str, tuple[bool, int]]

    def right(self, fault: str) -> float:
        """Return which share of a fault was named rightly, in [0, 1]."""
        return self.named[fault][str(FAULTS[fault])] / self.named[fault].total()


def blur(image: Image.Image, _: np.random.Generator, *, radius: float) -> Image.Image:
    """Return the picture of a lens with a film on it."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def smear(image: Image.Image, dirt: np.random.Generator) -> Image.Image:
    """Return the picture of a lens with spots on it, which scatter light and are far out of focus."""
    mask = Image.new("L", (image.width // 4, image.height // 4), 0)
    draw = ImageDraw.Draw(mask)
    for _ in range(int(dirt.integers(6, 12))):
        x, y, radius = dirt.uniform(0, mask.width), dirt.uniform(0, mask.height), dirt.uniform(8, 22)
        draw.ellipse([x - radius, y - radius * 0.7, x + radius, y + radius * 0.7], fill=int(dirt.uniform(150, 235)))
    mask = mask.filter(ImageFilter.GaussianBlur(5)).resize(image.size, Image.Resampling.BILINEAR)
    colour = tuple(int(one) for one in dirt.uniform(70, 150) * np.array([1, 0.93, 0.8]))
    soft = image.filter(ImageFilter.GaussianBlur(2))
    return Image.composite(Image.blend(soft, Image.new("RGB", image.size, colour), 0.7), soft, mask)


def dim(image: Image.Image, chance: np.random.Generator, *, gain: float) -> Image.Image:
    """Return the picture of less light; the sensor's noise stays."""
    values = np.asarray(image, np.float32) * gain + chance.normal(0, 3, (image.height, image.width, 1)).astype(np.float32)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class Bin:
    """A place, a light, a mix of waste; `spoil` returns pictures as its camera sends them under a condition."""

    number: int
    seed: int

    def pictures(self, condition: str, count: int) -> list[PictureFacts]:
        """Return what `count` pictures of this bin under a condition are like, as a worker measures it."""
        chance = np.random.default_rng((self.seed, self.number))
        light, mix = chance.uniform(0.75, 1.05), chance.dirichlet([6.0] * len(CATEGORIES))
        fault = np.random.default_rng((self.seed, self.number, 1))  # the same for all pictures of this bin
        state = fault.bit_generator.state
        chance = np.random.default_rng((self.seed, self.number, 2, *condition.encode()))
        found = []
        for _ in range(count):
            fault.bit_generator.state = state
            hour = chance.uniform(0, 24)
            gain = light * (1 - 0.12 * np.cos((hour - 2) / 12 * np.pi)) * chance.lognormal(0, 0.05)
            category = CATEGORIES[int(chance.choice(len(CATEGORIES), p=mix))]
            image = self._view(condition, partial(render, category, int(chance.integers(2**40))), fault)
            image = _spoilt(condition, image.point(lambda value, gain=gain: value * gain), chance, fault)
            file = io.BytesIO()
            image.save(file, "JPEG", quality=82)
            found.append(measure(decode(file.getvalue())))
        return found

    def _view(self, condition: str, shot: Callable[..., bytes], fault: np.random.Generator) -> Image.Image:
        place, elsewhere = self.number + 1000 * self.seed, self.number + 1000 * self.seed + 500_000
        drift = 1.0 if condition == "new waste" else 0.0
        image = _read(shot(drift=drift, place=elsewhere if condition == "moved elsewhere" else place))
        if condition != "turned and shifted":
            return image
        angle = float(fault.choice([-1, 1]) * fault.uniform(15, 50))
        moved = (int(fault.uniform(-150, 150)), int(fault.uniform(-110, 110)))
        turn = partial(Image.Image.rotate, angle=angle, resample=Image.Resampling.BICUBIC, translate=moved)
        return Image.composite(turn(image), _read(shot(place=elsewhere)), turn(Image.new("L", image.size, 255)))


def _read(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _spoilt(condition: str, image: Image.Image, chance: np.random.Generator, fault: np.random.Generator) -> Image.Image:
    kind, _, rest = condition.partition(" ")
    if kind == "blur":
        return blur(image, chance, radius=float(rest.split()[0]))
    if kind == "light":
        return dim(image, chance, gain=float(rest.split()[1]))
    if condition == "softer pictures":
        return blur(image, chance, radius=1.5)
    if condition == "dimmer season":
        return dim(image, chance, gain=0.6)
    return smear(image, fault) if kind == "smear" else image


def _pool(one: Bin, count: int) -> dict[str, list[PictureFacts]]:
    """Return a bin's pictures under each condition; the healthy ones, from which all days are drawn, are more."""
    return {"healthy": one.pictures("healthy", count * 3)} | {
        condition: one.pictures(condition, count) for condition in (*FAULTS, *FLEET_WIDE)
    }


def a_day(sensor: str, pool: Sequence[PictureFacts], count: int, chance: np.random.Generator) -> SensorDay:
    """Return a day of about `count` pictures out of a pool, in a light of its own, summed up as the ledger does."""
    taken = [pool[number] for number in chance.integers(len(pool), size=max(1, int(chance.poisson(count))))]
    weather = float(chance.lognormal(0, 0.06))
    brightness, sharpness = (np.quantile([getattr(one, name) for one in taken], 0.25) for name in ("brightness", "sharpness"))
    entropy = statistics.median(one.entropy for one in taken)
    edge = np.mean([list(one.brim) for one in taken], axis=0)
    return SensorDay(
        sensor, len(taken), float(brightness) * weather, float(sharpness), entropy, 0.9, [len(taken), 0, 0, 0, 0], list(edge)
    )


def simulate(bins: int, pictures: int, a_day_: int, days: int, seed: int, *, processes: int = 2) -> Figures:
    """Return what the rule makes of a fleet: each fault in each bin, healthy days, and changes of the whole fleet."""
    with ProcessPoolExecutor(processes) as pool:
        pools = list(pool.map(partial(_pool, count=pictures), [Bin(number, seed) for number in range(bins)]))
    names = [f"bin-{number}" for number in range(bins)]
    chance = np.random.default_rng(seed)

    def day(number: int, condition: str = "healthy") -> SensorDay:
        return a_day(names[number], pools[number][condition], a_day_, chance)

    history = [[day(number) for number in range(bins)] for _ in range(days)]
    usual = [one for past in history[-28:] for one in past]

    def look(conditions: dict[int, str]) -> Round:
        return judge([day(number, conditions.get(number, "healthy")) for number in range(bins)], usual)

    named: dict[str, Counter[str]] = {fault: Counter() for fault in FAULTS}
    tickets = bin_days = 0
    for number in range(bins):  # one sick bin at a time, beside another of another fault
        for fault in FAULTS:
            found = {one.sensor_id: one.fault for one in look({number: fault}).fresh}
            named[fault][str(found.pop(names[number], None))] += 1
            tickets, bin_days = tickets + len(found), bin_days + bins - 1
    fleet = {}
    for condition in FLEET_WIDE:
        seen = look(dict.fromkeys(range(bins), condition))
        fleet[condition] = (seen.drifts, len(seen.opens))
    return Figures(named, tickets, bin_days, fleet)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sick_sensors", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--bins", type=int, default=60)
    parser.add_argument(
        "--pictures", type=int, default=40, help="rendered of each bin and condition; of the healthy, three times that"
    )
    parser.add_argument("--a-day", type=int, default=100)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = simulate(options.bins, options.pictures, options.a_day, options.days, options.seed)
    sys.stdout.write("| fault | to be called | named rightly | otherwise |\n| --- | --- | --- | --- |\n")
    for fault, name in FAULTS.items():
        others = ", ".join(f"{one} {count}" for one, count in found.named[fault].items() if one != str(name))
        sys.stdout.write(f"| {fault} | {name} | {found.right(fault):.1%} of {found.named[fault].total()} | {others or '-'} |\n")
    rate = 1000 * found.tickets / found.bin_days
    sys.stdout.write(f"\nfalse tickets: {found.tickets} in {found.bin_days} healthy bin-days, {rate:.2f} in 1,000\n\n")
    for condition, (drifts, tickets) in found.fleet.items():
        sys.stdout.write(f"whole fleet, {condition}: {'drift' if drifts else 'no drift'}, {tickets} tickets\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
