"""What a training is done with: the lake, the champion's own backbone, and the registry."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from contracts.categories import CATEGORIES
from contracts.lake import SnapshotKind, Snapshots
from contracts.models import ModelFile
from contracts.ports import Classifier, Clock, KeptObjects
from learning.broken import broken_features
from learning.datasets import DatasetInvalid, Split, read_manifests
from learning.duplicates import thumbprints
from learning.export import read_backbone, read_heads
from learning.feature_cache import digest_of
from learning.features import extract_features
from learning.graph import SIDE_PX
from learning.lake.making import SnapshotMaker
from learning.lake.reading import LakeItems, read_snapshot
from learning.rendered import write_rendered
from learning.retrain.beating import Told
from learning.retrain.fitting import Fitting, Retrained
from learning.retrain.lessons import Lesson, Part, prepare
from learning.rollout.registering import Registrar
from learning.tools import Tools
from learning.train import Recipe

WINDOW = timedelta(days=90)
"""How old pictures of the field may be; what is older is known from them by the champion."""
BY = "training"
_MOST_BASES = 20
_RENDERED, _SHARES = 120, {Split.TRAIN: 0.44, Split.VAL: 0.12, Split.TEST: 0.44}
_PHOTOGRAPHS = 20
_TIMED = 40


@dataclass(frozen=True)
class LakeWorkshop:
    """Implements `learning.retrain.retraining.Workshop`.

    `champion` gives the file of the model in force and its version, None for the one that workers came with. Without any base
    snapshot what was known before is shown by rendered pictures.
    """

    open_maker: Callable[[], AbstractContextManager[SnapshotMaker]]
    snapshots: Snapshots
    objects: KeptObjects
    registrar: Registrar
    champion: Callable[[], tuple[Path, ModelFile | None]]
    tools: Tools
    clock: Clock

    def gather(self, told: Told) -> Lesson:
        """Make a snapshot of the field, and read it and what was known before."""
        with self.open_maker() as maker:
            snapshot = maker.of_field(since=self.clock() - WINDOW)
            backbone = maker.backbone.digest
        told("read", 0.3)
        field = read_snapshot(snapshot.snapshot_id, self.snapshots, self.objects)
        before = self._before(backbone) or [self._rendered()]
        told("compare", 0.5)
        return prepare(Part(field.features, field.prints()), before, snapshot.snapshot_id)

    def _before(self, backbone: str) -> list[Part]:
        golden = self.snapshots.golden()
        found = [one.snapshot_id for one in self.snapshots.newest(_MOST_BASES, SnapshotKind.BASE)]
        if golden and golden.snapshot_id not in found:
            found.append(golden.snapshot_id)
        bases = [read_snapshot(one, self.snapshots, self.objects) for one in found]
        if strange := [one.snapshot.snapshot_id for one in bases if one.backbone != backbone]:
            raise DatasetInvalid(f"{', '.join(strange)}: of another backbone than the champion's; import these pictures again")
        return [_part(one, examines=golden is None or one.snapshot.snapshot_id == golden.snapshot_id) for one in bases]

    def _rendered(self) -> Part:
        with TemporaryDirectory(prefix="waste-rendered-") as folder:
            write_rendered(Path(folder), lambda category, seed: self.tools.render(category, seed, 0.0), _RENDERED, _SHARES)
            samples = read_manifests([Path(folder)])
            features = extract_features(samples, self.tools.decode, self.tools.open_features(self.champion()[0]))
            return Part(features, thumbprints(samples, self.tools.decode))

    def fit(self, lesson: Lesson, version: str, told: Told) -> Retrained:
        """Fit and examine a candidate."""
        path, _ = self.champion()
        backbone = read_backbone(path, self.tools.preprocessing.name)
        if digest_of(backbone) != self.snapshots.get(lesson.snapshot_id).manifest["backbone"]:
            # Heads of the one on features of the other would be examined as what no worker will ever see.
            raise DatasetInvalid("the champion was exchanged meanwhile for one with another backbone; ask for a training again")
        champion, extract = onnx.load(path), self.tools.open_features(path)
        jobs = [(CATEGORIES[number % len(CATEGORIES)], number) for number in range(_PHOTOGRAPHS)]
        photographs = [self.tools.decode(self.tools.render(category, number, 0.0)) for category, number in jobs]
        broken = broken_features(photographs, extract)
        told("fit", 0.7)
        fitting = Fitting(champion, backbone, broken, lambda model: self._slower(model, path), lesson.is_golden)
        threshold = read_heads(champion).threshold
        return fitting.fit(lesson.features, Recipe(version, threshold, self.tools.preprocessing.name, self.tools.git_revision()))

    def _slower(self, model: onnx.ModelProto, champion: Path) -> float:
        with TemporaryDirectory(prefix="waste-candidate-") as folder:
            path = Path(folder) / "candidate.onnx"
            path.write_bytes(model.SerializeToString())
            ours, theirs = self.tools.open_classifier(path), self.tools.open_classifier(champion)
        return _times(ours, theirs)

    def register(self, made: Retrained, lesson: Lesson, metrics: Mapping[str, object]) -> None:
        """Put a candidate that passed the gate into the registry."""
        _, parent = self.champion()
        with TemporaryDirectory(prefix="waste-candidate-") as folder:
            path = Path(folder) / "candidate.onnx"
            path.write_bytes(made.trained.model.SerializeToString())
            self.registrar.add(path, BY, metrics=metrics, snapshot_id=lesson.snapshot_id, parent=parent.version if parent else None)


def _part(items: LakeItems, *, examines: bool) -> Part:
    features, prints = items.features, items.prints()
    if examines:
        return Part(features, prints)
    kept = np.array([sample.split is not Split.TEST for sample in features.samples], bool)
    return Part(features.where(lambda sample: sample.split is not Split.TEST), prints[kept])


def _times(ours: Classifier, theirs: Classifier) -> float:
    """Return how long one model takes for a picture by how long the other does, in turns."""
    picture = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8)
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(_TIMED):
        for model, times in zip((ours, theirs), took, strict=True):
            began = time.perf_counter()
            model.classify(picture)
            times.append(time.perf_counter() - began)
    return median(took[0]) / median(took[1])
