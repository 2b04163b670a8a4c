"""Candidates are fitted on the champion's backbone and pass a gate, or not: with the shipped model and rendered pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from adapters.onnx.model import OnnxFeatures
from adapters.pictures.pixels import PREPROCESSING, decode
from contracts.categories import CATEGORIES, Category
from learning.broken import broken_features
from learning.datasets import Sample, Split, read_manifests
from learning.duplicates import thumbprints
from learning.evaluate import Answers
from learning.export import read_backbone, read_heads
from learning.features import Features, extract_features
from learning.retrain.apart import joined, set_apart, without_near_duplicates
from learning.retrain.fitting import Fitting, answers_of
from learning.retrain.gate import Compared, Examination, examine, judge
from learning.train import Recipe
from models import shipped_model
from producer.render import render

RECIPE = Recipe("new-1", 0.75, PREPROCESSING, "test")


@pytest.fixture(scope="module")
def extract():
    return OnnxFeatures.load(shipped_model()[0]).extract


@pytest.fixture(scope="module")
def base(rendered, extract, tmp_path_factory):
    """What trains and calibrates, and a golden set of 60 of each category."""
    known = extract_features(read_manifests([rendered]), decode, extract).where(lambda s: s.split is not Split.TEST)
    more = field_of(tmp_path_factory.mktemp("more"), extract, 0.0, 80, seed=6_000)
    train, val = (as_base(more.of(split), kept) for split, kept in ((Split.TRAIN, Split.TRAIN), (Split.TEST, Split.VAL)))
    return joined(
        [known, train, val, as_base(field_of(tmp_path_factory.mktemp("golden"), extract, 0.0, 60, seed=7_000), Split.TEST)]
    )


def as_base(features, split):
    samples = tuple(replace(sample, source="before", split=split) for sample in features.samples)
    return Features(samples, features.values, features.labels, features.digests)


def field_of(folder, extract, drift, per_category=50, seed=0):
    """Pictures of the field: two of each thing, in new packaging with the probability `drift`."""
    samples = []
    for category in CATEGORIES:
        for number in range(per_category):
            path = folder / f"{category}-{seed}-{number}.jpg"
            path.write_bytes(render(category, seed + number, drift=drift))
            samples.append(Sample(path, "field", category, Split.TRAIN, f"{category} {number // 2}"))
    return set_apart(extract_features(samples, decode, extract))


@pytest.fixture(scope="module")
def drifted(tmp_path_factory, extract):
    return field_of(tmp_path_factory.mktemp("drifted"), extract, 0.6, seed=9_000)


@pytest.fixture(scope="module")
def calm(tmp_path_factory, extract):
    return field_of(tmp_path_factory.mktemp("calm"), extract, 0.0, seed=8_000)


@pytest.fixture(scope="module")
def fitting(extract, base):
    champion = onnx.load(shipped_model()[0])
    broken = broken_features([decode(sample.path.read_bytes()) for sample in base.samples[:20]], extract)
    backbone = read_backbone(shipped_model()[0], PREPROCESSING)
    return Fitting(champion, backbone, broken, lambda _: 1.0, lambda sample: sample.source != "field")


def with_labels(features, choose):
    """Relabel the rows for which `choose(index, label)` gives another label."""
    labels = np.array([choose(index, label) for index, label in enumerate(features.labels)], np.int64)
    samples = tuple(replace(s, category=list(CATEGORIES)[label]) for s, label in zip(features.samples, labels, strict=True))
    return Features(samples, features.values, labels, features.digests)


def test_a_model_that_has_learned_the_new_packaging_passes(fitting, base, drifted):
    found = fitting.fit(joined([base, drifted]), RECIPE)
    figures = found.gate.figures
    assert found.gate.passed, found.gate.reasons
    assert figures.recent.candidate > figures.recent.champion + 0.2
    assert figures.recent.pictures >= 60
    assert set(figures.golden) == set(CATEGORIES)
    assert 0 < figures.agreement < 0.9


def test_without_a_drift_there_is_nothing_to_gain_and_the_gate_says_so(fitting, base, calm):
    found = fitting.fit(joined([base, calm]), RECIPE)
    assert not found.gate.passed
    assert "not better by more than chance" in found.gate.reasons[0]


def test_five_wrong_labels_of_a_hundred_do_not_pass_a_worse_model(fitting, base, calm):
    for seed in range(5):
        random = np.random.default_rng(seed)
        poisoned = with_labels(calm, lambda _, label, random=random: random.integers(5) if random.random() < 0.05 else label)
        found = fitting.fit(joined([base, poisoned]), RECIPE)
        assert not found.gate.passed


def test_a_category_that_a_batch_calls_another_does_not_pass(fitting, base, calm):
    """All glass of the field is called metal, in what teaches and in what examines: only the golden set can tell."""
    glass, metal = CATEGORIES.index("glass"), CATEGORIES.index("metal")
    poisoned = with_labels(calm, lambda _, label: metal if label == glass else label)
    found = fitting.fit(joined([base, poisoned]), replace(RECIPE, rendered_weight=0.01))
    assert not found.gate.passed
    assert any("golden, glass" in reason for reason in found.gate.reasons), found.gate.reasons


def test_pictures_of_one_group_never_teach_and_examine(drifted):
    splits = {}
    for sample in drifted.samples:
        splits.setdefault(sample.group, set()).add(sample.split)
    assert all(len(found) == 1 for found in splits.values())
    counts = [sum(sample.split is split for sample in drifted.samples) for split in (Split.TRAIN, Split.VAL, Split.TEST)]
    assert counts[0] > counts[2] > counts[1] / 2
    assert set_apart(drifted).samples == drifted.samples


def test_a_copy_of_what_examines_does_not_teach(calm):
    examining = next(index for index, sample in enumerate(calm.samples) if sample.split is Split.TEST)
    twin = replace(calm.samples[examining], path=Path("copy.jpg"), split=Split.TRAIN, group="another")
    both = Features(
        (*calm.samples, twin), np.concatenate([calm.values, calm.values[[examining]]]),
        np.append(calm.labels, calm.labels[examining]), (*calm.digests, calm.digests[examining]),
    )  # fmt: skip
    prints = thumbprints(calm.samples, decode)
    left, kept = without_near_duplicates(both, np.concatenate([prints, prints[[examining]]]))
    assert not kept[-1]
    assert calm.samples[examining] in left.samples


def test_heads_read_back_say_what_the_model_says(extract, calm):
    from adapters.onnx.model import OnnxClassifier

    model = OnnxClassifier.load(*shipped_model())
    answers = answers_of(read_heads(onnx.load(shipped_model()[0])), calm)
    for index in (0, 77):
        scores = model.classify(decode(calm.samples[index].path.read_bytes()))
        assert answers.probabilities[index] == pytest.approx(scores.probabilities, abs=1e-4)
        assert answers.outlier_scores[index] == pytest.approx(scores.outlier_score, abs=1e-4)
    assert (answers.threshold, answers.outlier_threshold) == (model.threshold, model.outlier_threshold)


GOLDEN = dict.fromkeys(CATEGORIES, Compared(50, 0.96, 0.97, 0, 1))
GOOD = Examination(Compared(100, 0.9, 0.7, 25, 5), GOLDEN, tuple(CATEGORIES), 0.03, 0.04, 0.1, 0.1, 0.75, 1.0, finite=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recent": Compared(59, 0.9, 0.5, 40, 0)}, "59 labelled pictures of the field examine it"),
        ({"recent": Compared(100, 0.8, 0.79, 11, 10)}, "not better by more than chance"),
        ({"golden": {**GOLDEN, "glass": Compared(50, 0.90, 0.94, 0, 2)}}, "golden, glass"),
        (
            {"golden": {**GOLDEN, "glass": Compared(49, 0.97, 0.94, 1, 0)}},
            "50 pictures of a category are the fewest, and there are 49 of glass",
        ),
        ({"golden": {"paper": GOLDEN["paper"]}, "occurring": ("paper", "glass")}, "and there are 0 of glass"),
        ({"calibration_error": 0.06}, "calibration"),
        ({"slower": 1.3}, "speed"),
        ({"to_people": 0.55}, "people"),
        ({"finite": False}, "numbers that are none"),
    ],
)
def test_each_bound_alone_closes_the_gate(change, said):
    assert judge(GOOD).passed
    found = judge(replace(GOOD, **change))
    assert not found.passed
    assert [said in reason for reason in found.reasons] == [True]


def test_calibration_may_be_as_bad_as_the_champions():
    assert judge(replace(GOOD, calibration_error=0.09, champion_calibration_error=0.09)).passed


def test_a_category_that_the_field_does_not_show_needs_no_golden_pictures():
    assert judge(replace(GOOD, golden={"paper": GOLDEN["paper"]}, occurring=("paper",))).passed


def test_where_nothing_examines_that_alone_is_said(recwarn):
    samples = (Sample(Path("a.jpg"), "field", Category.GLASS, Split.TEST, "g"),)
    answers = Answers(samples, np.full((1, 5), 0.2), None, 0.75, 1.0).where(np.array([False]))
    found = judge(examine(answers, answers, np.zeros(0, bool), 1.0))
    assert [reason.partition(":")[0] for reason in found.reasons] == ["recent"]
    assert "nan" not in " ".join(found.reasons)
    assert [str(one.message) for one in recwarn] == []
