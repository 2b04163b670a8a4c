"""What a faster model costs in decisions: a speed without it says half."""

from pathlib import Path

from adapters.onnx.model import OnnxClassifier
from adapters.pictures.pixels import Picture, decode
from benchmarks.pictures import SMALL_PX
from contracts.categories import CATEGORIES
from producer.render import render

_FIRST_SEED = 10_000
"""Beyond the pictures of the benchmarks, some of which the quantization has seen."""


def measure_accuracy(models: dict[str, tuple[Path, str]], pictures: int = 500) -> dict[str, dict[str, float]]:
    """Return for each model the share of rendered pictures it has right, and that on which it says what the first one says."""
    numbers = range(_FIRST_SEED, _FIRST_SEED + pictures)
    pixels = [decode(render(CATEGORIES[number % len(CATEGORIES)], number, size=SMALL_PX)) for number in numbers]
    truth = [number % len(CATEGORIES) for number in numbers]
    said = {name: _answers(OnnxClassifier.load(*model), pixels) for name, model in models.items()}
    first = next(iter(said.values()))
    return {name: {"right": _share(answers, truth), "as_the_first": _share(answers, first)} for name, answers in said.items()}


def _answers(model: OnnxClassifier, pixels: list[Picture]) -> list[int]:
    scores = [list(model.classify(one).probabilities) for one in pixels]
    return [one.index(max(one)) for one in scores]


def _share(answers: list[int], wanted: list[int]) -> float:
    return round(sum(a == b for a, b in zip(answers, wanted, strict=True)) / len(answers), 4)
