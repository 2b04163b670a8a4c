"""A feature cache that is damaged, full or another program's costs time and never a wrong row."""

import sqlite3

import numpy as np
import pytest

from adapters.pictures.pixels import PREPROCESSING, decode
from contracts.categories import Category
from learning.datasets import DatasetInvalid, Sample, Split
from learning.export import read_backbone
from learning.feature_cache import FeatureCache
from learning.features import extract_features
from models import shipped_model
from tests.makers import a_jpeg


@pytest.fixture(scope="module")
def backbone():
    return read_backbone(shipped_model()[0], PREPROCESSING)


@pytest.fixture
def samples(tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(a_jpeg() + bytes([number]))
    return [Sample(path, "s", Category.PAPER, Split.TRAIN, path.name) for path in paths]


class Extract:
    asked = 0

    def __call__(self, pictures):
        self.asked += len(pictures)
        return pictures.reshape(len(pictures), -1)[:, :1280].astype(np.float32)


def the_file(tmp_path):
    (file,) = (tmp_path / "cache").glob("*.sqlite")
    return file


def fill(tmp_path, backbone, samples):
    with FeatureCache.open(tmp_path / "cache", backbone, "p") as cache:
        return extract_features(samples, decode, Extract(), cache).values


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE features SET vector = substr(vector, 1, 5000)",
        "UPDATE features SET vector = zeroblob(length(vector))",
        "UPDATE features SET vector = CAST(substr(vector, 1, 100) || x'FF' || substr(vector, 102) AS BLOB)",
        "UPDATE features SET vector = 'text'",
        "UPDATE features SET vector = x''",
        "UPDATE features SET vector = (SELECT vector FROM features LIMIT 1)",
    ],
)
def test_a_row_that_is_not_what_was_written_is_computed_again_and_mended(tmp_path, backbone, samples, damage):
    before = fill(tmp_path, backbone, samples)
    with sqlite3.connect(the_file(tmp_path)) as connection:
        connection.execute(damage)
    connection.close()
    for expected in (range(3, 5), range(1)):
        with FeatureCache.open(tmp_path / "cache", backbone, "p") as cache:
            extract = Extract()
            assert np.array_equal(extract_features(samples, decode, extract, cache).values, before)
        assert extract.asked in expected


def broken_pages(file):
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def another_table(file):
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE features")
        connection.execute("CREATE TABLE features (name TEXT)")
    connection.close()


@pytest.mark.parametrize("damage", [broken_pages, another_table])
def test_a_damaged_cache_is_told_once_and_gone_around(tmp_path, backbone, samples, damage, capsys):
    before = fill(tmp_path, backbone, samples)
    damage(the_file(tmp_path))
    with FeatureCache.open(tmp_path / "cache", backbone, "p") as cache:
        extract = Extract()
        assert np.array_equal(extract_features(samples, decode, extract, cache).values, before)
    assert extract.asked == 4
    said = [line for line in capsys.readouterr().err.splitlines() if "going on without this cache" in line]
    assert len(said) == 1
    assert str(the_file(tmp_path)) in said[0]


def test_a_cache_on_a_full_disk_is_told_and_gone_around(tmp_path, backbone, samples, capsys):
    with FeatureCache.open(tmp_path / "cache", backbone, "p") as cache:
        cache._connection.execute("PRAGMA max_page_count = 2")
        assert len(extract_features(samples, decode, Extract(), cache).values) == 4
    assert "full; going on without this cache" in capsys.readouterr().err


def test_a_picture_that_is_replaced_meanwhile_is_not_kept_under_the_old_digest(tmp_path, backbone, samples):
    path, old = samples[0].path, samples[0].path.read_bytes()
    real = type(path).read_bytes

    def replaced_after_the_first_look(self):
        data = real(self)
        if self == path:
            path.write_bytes(a_jpeg((0, 90, 200)))
        return data

    with pytest.MonkeyPatch.context() as patch, FeatureCache.open(tmp_path / "cache", backbone, "p") as cache:
        patch.setattr(type(path), "read_bytes", replaced_after_the_first_look)
        seen = extract_features(samples[:1], decode, Extract(), cache).values
    assert np.array_equal(seen[0], Extract()(decode(old)[np.newaxis])[0])


@pytest.mark.parametrize("row", [np.zeros(1279, np.float32), np.zeros((1280, 1, 1), np.float32), np.full(1280, np.nan, np.float32)])
def test_features_that_are_none_are_said_with_the_picture(samples, row):
    with pytest.raises(DatasetInvalid, match=r"0\.jpg: the backbone makes features .*, not 1280 numbers"):
        extract_features(samples, decode, lambda _: row[np.newaxis])
