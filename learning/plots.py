"""An evaluation as pictures: honest confidence, risk against coverage, what is taken for what, and the worst mistakes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from contracts.categories import CATEGORIES
from learning.calibrate import BINS
from learning.evaluate import Answers, Evaluation, Share
from learning.preprocessing import Decode
from learning.selection import risk_coverage

_BLUE, _GREY, _ORANGE = "#2b6cb0", "#8a8f98", "#c05621"
_WORST = 24
_COLUMNS = 6
_TILE_PX, _TEXT_PX, _TITLE_PX = 180, 34, 20
_LEAST_OF_A_BIN = 5
"""With fewer pictures of a confidence, the share of them that is right swings from nothing to all."""


def draw_all(answers: Answers, evaluation: Evaluation, decode: Decode, folder: Path) -> list[Path]:
    """Write the plots as PNG files into `folder` and return their paths; raises OSError.

    `answers` are of the pictures that the figures of `evaluation` are of, see `learning.evaluate.headline_of`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    of = f"{', '.join(evaluation.splits)}, {len(answers.samples)} pictures"
    drawn = [
        _draw(folder / "reliability.png", lambda axes: _reliability(axes, answers, of)),
        _draw(folder / "risk-coverage.png", lambda axes: _risk_coverage(axes, answers, of)),
        _draw(folder / "confusion.png", lambda axes: _confusion(axes, evaluation, of)),
    ]
    if sheet := _worst_mistakes(answers, decode, of):
        path = folder / "worst-mistakes.png"
        sheet.save(path)
        drawn.append(path)
    return drawn


def _draw(path: Path, draw: Callable[[Axes], None]) -> Path:
    figure = Figure(figsize=(5.6, 4.6), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw(axes)
    figure.savefig(path)
    return path


def _reliability(axes: Axes, answers: Answers, of: str) -> None:
    confidence = answers.confidence
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, label="honest")
    for number in np.flatnonzero(counts >= _LEAST_OF_A_BIN):
        right, mean = Share.of(answers.correct[bins == number]), float(confidence[bins == number].mean())
        spread = [[right.value - right.low], [right.high - right.value]]
        axes.errorbar(mean, right.value, np.maximum(spread, 0), color=_BLUE, marker="o", markersize=4, capsize=2)
        axes.annotate(str(counts[number]), (mean, right.low), (0, -9), textcoords="offset points", ha="center", fontsize=7)
    axes.errorbar([], [], [], color=_BLUE, marker="o", markersize=4, label=f"pictures, 95 %; none under {_LEAST_OF_A_BIN}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share right")
    axes.set_title(f"Reliability: {of}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)


def _risk_coverage(axes: Axes, answers: Answers, of: str) -> None:
    curve = risk_coverage(answers.belief, answers.correct)
    axes.plot(curve.coverage[curve.possible] * 100, curve.risk[curve.possible] * 100, color=_BLUE, linewidth=1.8)
    decided = answers.decided
    if decided.any():
        wrong = 100 * float((~answers.correct[decided]).mean())
        axes.scatter([100 * float(decided.mean())], [wrong], color=_ORANGE, zorder=3, label="at the model's thresholds")
        axes.legend(loc="upper left", frameon=False)
    axes.set(xlim=(0, 102), xlabel="decided alone, % of the pictures", ylabel="wrong among the decided, %")
    axes.set_ylim(bottom=0)
    axes.set_title(f"Risk against coverage: {of}")


def _confusion(axes: Axes, evaluation: Evaluation, of: str) -> None:
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [category.value for category in CATEGORIES]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="called", ylabel="is")
    for (row, column), share in np.ndenumerate(shares):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color="white" if share > 0.5 else "black")
    axes.set_title(f"What is called what: {of}")


def _worst_mistakes(answers: Answers, decode: Decode, of: str) -> Image.Image | None:
    """Return the wrong pictures with the most confidence, the surest first; None without mistakes."""
    wrong = np.flatnonzero(~answers.correct)
    chosen = wrong[np.argsort(-answers.confidence[wrong], kind="stable")][:_WORST]
    if not len(chosen):
        return None
    rows = -(-len(chosen) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE_PX, _TITLE_PX + rows * (_TILE_PX + _TEXT_PX)), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((4, 4), f"The surest of {len(wrong)} mistakes: {of}", fill="black")
    for place, index in enumerate(chosen):
        sample = answers.samples[index]
        x, y = place % _COLUMNS * _TILE_PX, _TITLE_PX + place // _COLUMNS * (_TILE_PX + _TEXT_PX)
        picture = Image.fromarray(decode(sample.path.read_bytes()))
        sheet.paste(picture.resize((_TILE_PX - 4, _TILE_PX - 4)), (x + 2, y + 2))
        called = CATEGORIES[int(answers.probabilities[index].argmax())].value
        pen.text((x + 4, y + _TILE_PX), f"{sample.category}, called {called} {answers.confidence[index]:.0%}", fill="black")
        pen.text((x + 4, y + _TILE_PX + 14), sample.path.name[:28], fill=_GREY)
    return sheet
