"""An embedding in sixteen bytes keeps what is compared: how far means are apart."""

import numpy as np
import pytest

from adapters.onnx.feature_sketch import sketch

WIDTH = 1280


def values(features):
    return (np.frombuffer(sketch(features.astype(np.float32)), np.uint8).astype(float) - 128) / 32


def test_only_the_direction_of_features_counts():
    features = np.random.default_rng(1).random(WIDTH).astype(np.float32)
    assert sketch(features) == sketch(features * 7)
    assert sketch(features) != sketch(features[::-1].copy())


def test_values_are_as_large_as_standard_normal_ones_whatever_the_width():
    chance = np.random.default_rng(2)
    for width in (8, 512, WIDTH):
        found = np.concatenate([values(chance.normal(size=width)) for _ in range(300)])
        assert found.std() == pytest.approx(1, abs=0.1)


def test_the_distance_of_two_means_is_kept_up_to_chance():
    chance = np.random.default_rng(3)
    kept = []
    for _ in range(200):
        one, other = (two := chance.normal(size=(2, WIDTH)))[0], two.sum(axis=0)
        apart = np.linalg.norm(one / np.linalg.norm(one) - other / np.linalg.norm(other))
        kept.append(np.sqrt(((values(one) - values(other)) ** 2).mean()) / apart)
    assert np.mean(kept) == pytest.approx(1, abs=0.05)
    assert np.std(kept) < 0.25


@pytest.mark.parametrize("wrong", [np.zeros(WIDTH), np.full(WIDTH, np.nan), np.full(WIDTH, np.inf)])
def test_features_without_a_finite_length_have_no_sketch(wrong):
    assert sketch(wrong.astype(np.float32)) is None
