"""`waste learn render|train|evaluate`: arguments -> adapters -> run."""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from tqdm import tqdm

from adapters.images import PREPROCESSING, decode
from adapters.onnx_model import OnnxClassifier, OnnxFeatures
from contracts.errors import FleetError, SettingsInvalid
from learning.arguments import SHIPPED, make_parser
from learning.datasets import DatasetInvalid, Sample, Split, read_manifests
from learning.evaluate import false_confidence, format_scores, score_by_source
from learning.export import read_backbone
from learning.features import extract_features
from learning.rendered import FOR_TESTING, FOR_TRAINING, write_rendered
from learning.train import Recipe, train_head
from models import shipped_model


def main(argv: list[str] | None = None) -> int:
    """Run a command of the learning side; raises `SettingsInvalid` or another `FleetError` that says what is wrong."""
    options = make_parser(render=_render, train=_train, evaluate=_evaluate).parse_args(argv)
    try:
        return int(options.run(options))
    except DatasetInvalid as error:
        raise SettingsInvalid(str(error)) from None
    except OSError as error:
        raise SettingsInvalid(str(error)) from None


def _render(options: argparse.Namespace) -> int:
    count = _write_rendered(options.out, options.per_category, FOR_TRAINING, options.drift)
    sys.stdout.write(f"{count} pictures in {options.out}\n")
    return 0


def _train(options: argparse.Namespace) -> int:
    source = shipped_model()[0] if options.backbone == SHIPPED else Path(options.backbone)
    extract = OnnxFeatures.load(source).extract
    with _samples(options, FOR_TRAINING, drift=0.0) as samples:
        features = extract_features(samples, decode, extract)
    recipe = Recipe(options.version or options.out.stem, options.threshold, PREPROCESSING, _git_revision())
    trained = train_head(features, read_backbone(source), recipe)
    _write(trained.model, options.out)
    sys.stdout.writelines(f"{line}\n" for line in format_scores(trained.scores))
    sys.stdout.write(f"{options.out}: sha256 {_sha256(options.out)}, temperature {trained.card.temperature:.3f}\n")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    classifier = OnnxClassifier.load(options.model, _sha256(options.model))
    with _samples(options, FOR_TESTING, options.drift) as samples:
        rows = [_classify(classifier, sample) for sample in tqdm(samples, desc="evaluating", unit="picture", leave=False)]
    probabilities = np.array(rows, np.float64)
    sys.stdout.writelines(f"{line}\n" for line in format_scores(score_by_source(samples, probabilities, classifier.threshold)))
    if any(sample.category is None for sample in samples):
        wrongly_sure = false_confidence(samples, probabilities, classifier.threshold)
        sys.stdout.write(f"pictures of none of the five decided alone: {wrongly_sure:.1%}\n")
    return 0


@contextmanager
def _samples(options: argparse.Namespace, shares: Mapping[Split, float], drift: float) -> Iterator[list[Sample]]:
    """Give the samples of --data and those of --rendered, whose files are gone afterwards."""
    with TemporaryDirectory() as folder:
        directories = list(options.data)
        if options.rendered:
            _write_rendered(Path(folder), options.rendered, shares, drift)
            directories.append(Path(folder))
        samples = read_manifests(directories)
        if not samples:
            raise DatasetInvalid("no pictures: name a folder with --data, or a number with --rendered")
        yield samples


def _write_rendered(folder: Path, per_category: int, shares: Mapping[Split, float], drift: float) -> int:
    try:
        from producer.render import render
    except ImportError as error:
        raise SettingsInvalid(f"the renderer needs the extra [render]: {error}") from None
    return write_rendered(folder, lambda category, seed: render(category, seed, drift=drift), per_category, shares)


def _classify(classifier: OnnxClassifier, sample: Sample) -> list[float]:
    try:
        return list(classifier.classify(decode(sample.path.read_bytes())).probabilities)
    except FleetError as error:
        raise DatasetInvalid(f"{sample.path}: {error}") from error


def _write(model: onnx.ModelProto, path: Path) -> None:
    # Never a half-written model: it appears under its name when it is whole.
    partial_path = path.with_suffix(".partial")
    partial_path.write_bytes(model.SerializeToString())
    os.replace(partial_path, path)  # noqa: PTH105 - the atomic one


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _git_revision() -> str:
    """Return the commit that the code comes from, `+changes` if it was not committed as it is, else "unknown"."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    except OSError:
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
