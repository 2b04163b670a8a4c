"""What several commands ask for and do alike."""

import argparse
import hashlib
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from adapters.arguments import integer_between, number_between
from contracts.errors import FleetError, SettingsInvalid
from contracts.outcomes import Scores
from contracts.ports import Classifier
from learning.broken import broken, kinds_of
from learning.datasets import DatasetInvalid, Sample, Split, read_manifests
from learning.evaluate import BROKEN, Answers
from learning.files import write_whole
from learning.progress import bar
from learning.rendered import write_rendered
from learning.tools import Tools

SHIPPED = "shipped"
"""Instead of a file's name: the model that the package brings."""
FEW = 50
"""Under so many pictures what is fitted or chosen on them says little."""
_NAMED = "what predictions call the model (default: the name of the file)"
_VERSION = re.compile(r"[A-Za-z0-9._+-]{1,100}")
count = integer_between(1, 1_000_000)
share = number_between(0, 1)
_BROKEN, _BROKEN_SEED = 210, 99


def add_data(parser: argparse.ArgumentParser, rendered: str) -> None:
    """Ask for pictures; `rendered` says what --rendered is for."""
    parser.add_argument(
        "--data", type=Path, action="append", default=[], metavar="DIR", help="a folder with a manifest.csv; repeatable"
    )
    parser.add_argument("--rendered", type=count, metavar="N", help=f"add N rendered pictures of each category, {rendered}")


def version_name(text: str) -> str:
    """Be the type of a model's name, which is also a part of a folder's."""
    if not _VERSION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 100 letters, digits and . _ - +")
    return text


def version_of(options: argparse.Namespace) -> str:
    """Return what the model to write is called; raises `SettingsInvalid` if its file's name will not do."""
    try:
        return version_name(options.version or options.out.stem)
    except argparse.ArgumentTypeError as error:
        raise SettingsInvalid(f"the name of the file, {error}: give a --version") from error


def add_version(parser: argparse.ArgumentParser, what: str = _NAMED) -> None:
    """Ask for a model's name."""
    parser.add_argument("--version", type=version_name, help=what)


def model_path(options: argparse.Namespace, tools: Tools) -> Path:
    """Return the file of the model that was asked for."""
    return tools.shipped if options.model == Path(SHIPPED) else Path(options.model)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Ask for a model."""
    parser.add_argument("model", type=Path, help=f"a model's file, or {SHIPPED}: the one that comes with the package")


def add_drift(parser: argparse.ArgumentParser) -> None:
    """Ask how much rendered things have changed."""
    parser.add_argument("--drift", type=share, default=0.0, help="share of rendered things in new packaging, 0 to 1")


@contextmanager
def samples_of(options: argparse.Namespace, tools: Tools, shares: Mapping[Split, float], drift: float) -> Iterator[list[Sample]]:
    """Give the samples of --data and those of --rendered, whose files are gone afterwards."""
    with TemporaryDirectory() as folder:
        directories = list(options.data)
        if options.rendered:
            draw(Path(folder), tools, options.rendered, shares, drift)
            directories.append(Path(folder))
        samples = read_manifests(directories)
        if not samples:
            raise DatasetInvalid("no pictures: name a folder with --data, or a number with --rendered")
        yield samples


def draw(folder: Path, tools: Tools, per_category: int, shares: Mapping[Split, float], drift: float) -> int:
    """Write rendered pictures into `folder` and return how many; raises SettingsInvalid without the renderer."""
    try:
        return write_rendered(folder, lambda category, seed: tools.render(category, seed, drift), per_category, shares)
    except ImportError as error:
        raise SettingsInvalid(f"the renderer needs the extra [render]: {error}") from error


def ask(classifier: Classifier, samples: Sequence[Sample], tools: Tools) -> tuple[Answers, float]:
    """Return what a model says of pictures, and the median milliseconds that it took for one.

    With a progress bar on stderr; raises `DatasetInvalid` with a file's name.
    """
    scores: list[Scores] = []
    took_s: list[float] = []
    with bar(samples, "evaluating") as shown:
        for sample in shown:
            try:
                picture = tools.decode(sample.path.read_bytes())
                began = time.perf_counter()
                scores.append(classifier.classify(picture))
                took_s.append(time.perf_counter() - began)
            except (OSError, FleetError) as error:
                raise DatasetInvalid(f"{sample.path}: {error}") from error
    return _answers(classifier, samples, scores), float(np.median(took_s) * 1000)


def ask_broken(classifier: Classifier, samples: Sequence[Sample], tools: Tools) -> Answers:
    """Return what a model says of pictures as broken cameras make them of those of `samples` that show one of the five."""
    usable = [sample for sample in samples if sample.category]
    if not usable:
        raise DatasetInvalid("no pictures of the five categories to evaluate on")
    photographs = [tools.decode(sample.path.read_bytes()) for sample in usable[:: max(1, len(usable) // _BROKEN)]]
    with bar(broken(photographs, _BROKEN, seed=_BROKEN_SEED), "broken cameras") as shown:
        scores = [classifier.classify(picture) for picture in shown]
    made = [Sample(Path(BROKEN), f"{BROKEN}/{kind}", None, Split.OOD, BROKEN) for kind in kinds_of(_BROKEN)]
    return _answers(classifier, made, scores)


def _answers(classifier: Classifier, samples: Sequence[Sample], scores: Sequence[Scores]) -> Answers:
    outlier_scores = [one.outlier_score for one in scores if one.outlier_score is not None]
    return Answers(
        samples=tuple(samples),
        probabilities=np.array([list(one.probabilities) for one in scores], np.float64),
        outlier_scores=np.array(outlier_scores, np.float64) if len(outlier_scores) == len(scores) else None,
        threshold=classifier.threshold,
        outlier_threshold=classifier.outlier_threshold,
    )


def write_model(model: onnx.ModelProto, path: Path) -> str:
    """Write a model whole or not at all, and return its SHA-256 (hex); raises OSError."""
    data = model.SerializeToString()
    write_whole(data, path)
    return hashlib.sha256(data).hexdigest()


def warn(command: str, text: str) -> None:
    """Say on stderr what is worth knowing and stops nothing."""
    sys.stderr.write(f"waste learn {command}: {text}\n")


def say(*lines: str) -> None:
    """Print lines."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
