"""Views: few pictures of a place teach the heads more when they are seen in other lights and places."""

import numpy as np
import pytest

from contracts.categories import Category
from learning.datasets import DatasetInvalid, Sample, Split
from learning.features import Features, digest_of, labels_of
from learning.train import Recipe, _fit_head
from learning.views import extract_views
from producer.render import render


@pytest.fixture
def samples(tmp_path):
    made = []
    for number, category in enumerate((Category.PLASTIC, Category.METAL)):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(render(category, number))
        made.append(Sample(path, "field", category, Split.TRAIN, str(number)))
    return made


def brightness(pictures):
    return pictures.reshape(len(pictures), -1, 3).mean(axis=1).astype(np.float32)


def test_views_differ_from_each_other_and_are_the_same_for_the_same_seed(samples):
    views = extract_views(samples, brightness, 3)
    assert views.labels.tolist() == labels_of(samples).tolist() * 3
    assert views.digests == tuple(digest_of(one.path) for one in samples) * 3
    assert len({tuple(row) for row in views.values.tolist()}) == 6
    assert np.array_equal(extract_views(samples, brightness, 3).values, views.values)
    assert not np.array_equal(extract_views(samples, brightness, 3, seed=1).values, views.values)


def test_a_picture_weighs_the_same_however_often_it_is_seen():
    chance = np.random.default_rng(0)
    values = np.concatenate([chance.normal(size=(50, 8)), chance.normal(size=(50, 8)) + 1]).astype(np.float32)
    labels = np.arange(100) % 5
    rows = [Sample(None, "field", None, Split.TRAIN, str(number)) for number in range(100)]
    features = Features(tuple(rows), values, labels, tuple(str(number) for number in range(100)))
    weight, recipe = np.ones(100), Recipe("v", 0.75, "p", "r")
    alone = _fit_head(features, weight, None, recipe)
    repeated = _fit_head(features, weight, features.where(lambda one: int(one.group) < 100), recipe)
    assert np.abs(alone.weights - repeated.weights).max() < 1e-3 * np.abs(alone.weights).max()


def test_a_picture_that_cannot_be_read_is_named(samples):
    samples[1].path.write_bytes(b"no picture")
    with pytest.raises(DatasetInvalid, match=r"1\.jpg"):
        extract_views(samples, brightness, 1)
