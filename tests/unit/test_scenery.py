"""What is thrown away in a story with photographs: each once, and none that taught a model to try it."""

import csv
from itertools import islice

import pytest

from learning.datasets import FIELDS, DatasetInvalid, Split, read_manifests
from story.scenery import Photographs

CATEGORIES = ("glass", "metal")


@pytest.fixture
def album(tmp_path):
    rows = [
        (f"{source}-{split}-{category}-{number}.jpg", source, category, split)
        for source, splits in (("old", ("train", "val", "test")), ("new", ("train", "val")))
        for split in splits
        for category in CATEGORIES
        for number in range(5)
    ]
    with (tmp_path / "manifest.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([FIELDS, *((*row, row[0]) for row in rows)])
    for name, *_ in rows:
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def shown(pictures, count):
    return [(make().decode(), category) for make, category in islice(pictures, count)]


def test_what_is_known_is_not_thrown_away_and_what_is_thrown_away_is_not_known(album, tmp_path):
    photographs = Photographs([album], ["old"], ["new"])
    photographs.keep_known(tmp_path / "known")
    known = {one.path.read_bytes().decode(): one for one in read_manifests([tmp_path / "known"])}
    assert {one.split for one in known.values()} == {Split.TRAIN, Split.TEST}
    assert len(known) == 20
    calm = dict(shown(photographs.calm(1), 10))
    assert len(calm) == 10
    assert not known.keys() & calm.keys()
    assert all(name.startswith("old-val") and f"-{category}-" in name for name, category in calm.items())


def test_what_was_reserved_comes_when_a_model_has_been_taught_and_nothing_else_comes_then(album):
    photographs = Photographs([album], ["old"], ["new"], reserved=0.3)
    first, second = shown(photographs.changed(1), 9), shown(photographs.changed(2), 5)
    assert len({*first, *second}) == 14
    assert {*shown(photographs.changed(3), 14)} == {*first, *second}
    photographs.taught()
    later = shown(photographs.changed(4), 12)
    assert len({*later}) == 6
    assert not {*later} & {*first, *second}


def test_pictures_of_one_group_teach_or_try_together(album):
    lines = (album / "manifest.csv").read_text().splitlines()
    pairs = [line.rpartition(",")[0] + f",{int(line.rpartition('-')[2].partition('.')[0]) // 2}" for line in lines[1:]]
    grouped = [line + "-" + line.rpartition("-")[0].partition("-")[2] for line in pairs]
    (album / "manifest.csv").write_text("\n".join([lines[0], *grouped]) + "\n")
    photographs = Photographs([album], ["old"], ["new"], reserved=0.5)
    teaching = {name for name, _ in shown(photographs.changed(1), 40)}
    photographs.taught()
    trying = {name for name, _ in shown(photographs.changed(1), 40)}
    groups = {one.path.name: one.group for one in read_manifests([album])}
    assert not {groups[name] for name in teaching} & {groups[name] for name in trying}
    assert len(teaching | trying) == 20


@pytest.mark.parametrize(("before", "after", "said"), [([], ["new"], "--before"), (["old"], ["newer"], "newer")])
def test_a_source_that_is_not_there_is_named(album, before, after, said):
    with pytest.raises(DatasetInvalid, match=said):
        Photographs([album], before, after)
