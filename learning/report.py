"""An evaluation for people, as a table, and for programs, as JSON."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from contracts.categories import CATEGORIES
from learning.evaluate import CERTAINTY, Evaluation, Share


def to_json(evaluation: Evaluation, facts: Mapping[str, object]) -> str:
    """Return `facts` and every figure as JSON; what has no value is null, and `labels` name the rows and columns of `confusion`."""
    return json.dumps(plain({**facts, "certainty": CERTAINTY, "labels": list(CATEGORIES), **asdict(evaluation)}), indent=1)


def to_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the lines of the tables, in percent with 95 % intervals."""
    rows = {f"all ({', '.join(evaluation.splits)})": evaluation.overall, **evaluation.slices}
    width = max(len(name) for name in (*rows, *evaluation.outliers))
    yield f"{'pictures':{width}} {'n':>5} {'right':>19} {'decided alone':>19} {'of them right':>19} {'ECE':>5}"
    for name, scores in rows.items():
        shares = f"{percent(scores.right):>19} {percent(scores.decided):>19} {percent(scores.decided_right):>19}"
        yield f"{name:{width}} {scores.right.count:5d} {shares} {scores.calibration_error:5.3f}"
    yield ""
    yield f"{'category':8} {'precision':>19} {'recall':>19}   called {' '.join(f'{c.value:>8}' for c in CATEGORIES)}"
    for (name, of_one), row in zip(evaluation.categories.items(), evaluation.confusion, strict=True):
        counts = " ".join(f"{count:8d}" for count in row)
        yield f"{name:8} {percent(of_one.precision):>19} {percent(of_one.recall):>19}          {counts}"
    if evaluation.outliers:
        yield ""
        yield f"{'none of the five':{width}} {'n':>5} {'sent to people':>19} {'told apart (AUC)':>17}"
        for name, outliers in evaluation.outliers.items():
            sent = outliers.sent_to_people
            yield f"{name:{width}} {sent.count:5d} {percent(sent):>19} {outliers.separation:17.3f}"


def to_markdown(figures: Mapping[str, Any]) -> str:
    """Return the tables of a model card from what `to_json` wrote, read back."""
    lines = ["| pictures | n | right | decided alone | of them right | calibration error |", "| --- " * 6 + "|"]
    for name, scores in {"**all of these**": figures["overall"], **figures["slices"]}.items():
        shares = f"{_cell(scores['right'])} | {_cell(scores['decided'])} | {_cell(scores['decided_right'])}"
        lines.append(f"| {name} | {scores['right']['count']} | {shares} | {scores['calibration_error']:.3f} |")
    lines += ["", "| category | of those called so, right | of those that are it, found |", "| --- " * 3 + "|"]
    for name, scores in figures["categories"].items():
        lines.append(f"| {name} | {_cell(scores['precision'])} | {_cell(scores['recall'])} |")
    if figures["outliers"]:
        lines += ["", "| none of the five | n | sent to people | told apart (AUC) |", "| --- " * 4 + "|"]
    for name, outliers in figures["outliers"].items():
        sent = outliers["sent_to_people"]
        lines.append(f"| {name} | {sent['count']} | {_cell(sent)} | {outliers['separation']:.3f} |")
    return "\n".join(lines) + "\n"


def _cell(share: Mapping[str, float | None]) -> str:
    value, low, high = share["value"], share["low"], share["high"]
    if value is None or low is None or high is None:
        return "-"
    return f"{value:.1%} ({low * 100:.1f} to {high * 100:.1f})"


def percent(share: Share) -> str:
    """Return a share in percent with its interval, at most 19 letters; "-" without any."""
    return f"{share.value:.1%} [{share.low * 100:.1f} {share.high * 100:.1f}]" if share.count else "-"


def plain(value: Any) -> Any:
    """Return a value as JSON takes it: floats rounded to six places, what is no number as null."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
