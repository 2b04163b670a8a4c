"""What a training is done with, when it is exchanged under its hands."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from onnx import numpy_helper

from learning.__main__ import open_tools
from learning.datasets import DatasetInvalid
from learning.retrain.workshop import LakeWorkshop
from tests.changed_models import changed
from tests.training_data import a_picture


def other_weights(model):
    weights = next(one for one in model.graph.initializer if len(one.dims) == 4)
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.01, weights.name))


def test_a_champion_of_another_backbone_than_the_features_ends_the_training(lake, tmp_path):
    """Heads fitted to what one backbone sees would pass the gate, and be registered on the other."""
    lake.plant_says(lake.thrown(a_picture(tmp_path / "a.jpg", 1).read_bytes()), "glass")
    lesson = SimpleNamespace(snapshot_id=lake.snapshot().snapshot_id)
    promoted, _ = changed(tmp_path, other_weights)
    workshop = LakeWorkshop(
        None, lake.snapshots, lake.objects, None, lambda: (promoted, None), open_tools(), lambda: datetime.now(UTC)
    )
    with pytest.raises(DatasetInvalid, match="exchanged meanwhile"):
        workshop.fit(lesson, "v1", lambda step, progress: None)
