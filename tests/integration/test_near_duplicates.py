"""Pictures of one moment in two splits, or under two labels."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.pictures.pixels import decode
from contracts.categories import CATEGORIES, Category
from contracts.errors import SettingsInvalid
from learning.__main__ import main
from learning.datasets import Sample, Split
from learning.duplicates import Pair, across_splits, near_duplicates, refuse, thumbprints, without_copies
from producer.render import render
from tests.training_data import a_picture, a_quiet_picture, a_sample


def used(name, split, part=None):
    category = None if split is Split.OOD else Category.PAPER
    return Sample(Path(name), "s", category, split, name, part)


TRAINS, CALIBRATES, JUDGES = used("a", Split.TRAIN), used("b", Split.VAL), used("c", Split.TEST)
TEACHES, DOUBTED = used("d", Split.OOD, Split.TRAIN), used("e", Split.OOD, Split.TEST)


def test_a_picture_that_was_saved_again_moved_and_relit_is_a_near_duplicate_and_another_is_not(tmp_path):
    first = a_sample(a_picture(tmp_path / "a.jpg", 1), Split.TRAIN)
    again = a_sample(a_picture(tmp_path / "b.jpg", 1, quality=40, shift=3, light=0.8), Split.TEST)
    other = a_sample(a_picture(tmp_path / "c.jpg", 2), Split.TEST)
    samples = [first, again, other]
    (pair,) = near_duplicates(samples, thumbprints(samples, decode))
    assert {pair.first, pair.second} == {first, again}
    assert across_splits([pair]) == [pair]
    assert without_copies(samples, [pair]) == [again, other]
    with pytest.raises(ValueError, match=r"1 near-duplicates across the splits: .*a\.jpg \(train\) and .*b\.jpg \(test\)"):
        refuse([pair])


def test_empty_boards_are_not_near_duplicates_of_each_other(tmp_path):
    samples = []
    for number in range(3):
        light = np.linspace(200 + number, 240, 320)[None, :, None] * np.ones((240, 320, 3))
        path = tmp_path / f"{number}.png"
        noisy = light + np.random.default_rng(number).normal(0, 1.5, light.shape)
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path)
        samples.append(a_sample(path, Split.TRAIN))
    assert near_duplicates(samples, thumbprints(samples, decode)) == []


@pytest.mark.parametrize("quality", [90, 40, 20])
def test_a_picture_with_little_in_it_is_alike_to_its_copy_and_to_no_other(tmp_path, quality):
    samples = [a_sample(a_quiet_picture(tmp_path / f"{n}.jpg", n), Split.TRAIN) for n in range(4)]
    again = a_sample(a_quiet_picture(tmp_path / "again.jpg", 2, quality=quality), Split.TEST)
    prints = thumbprints([*samples, again], decode)
    assert (prints[2] @ prints[2]) < 0.87
    (pair,) = near_duplicates([*samples, again], prints)
    assert (pair.first, pair.second) == (samples[2], again)


def test_two_files_of_the_same_bytes_are_copies_whatever_they_show(tmp_path):
    samples = []
    for name, split in (("a.png", Split.TRAIN), ("b.png", Split.TEST)):
        Image.new("RGB", (320, 240), (200, 200, 200)).save(tmp_path / name)
        samples.append(a_sample(tmp_path / name, split))
    Image.new("RGB", (320, 240), (201, 200, 200)).save(tmp_path / "c.png")
    samples.append(a_sample(tmp_path / "c.png", Split.TEST))
    (pair,) = near_duplicates(samples, thumbprints(samples, decode))
    assert ({pair.first, pair.second}, pair.alike) == (set(samples[:2]), 1.0)


@pytest.mark.parametrize(
    ("first", "second", "left_out"),
    [
        (TRAINS, CALIBRATES, TRAINS),
        (JUDGES, TRAINS, TRAINS),
        (JUDGES, CALIBRATES, CALIBRATES),
        (TEACHES, DOUBTED, TEACHES),
        (JUDGES, TEACHES, TEACHES),
        (TRAINS, DOUBTED, TRAINS),
        (JUDGES, DOUBTED, None),
        (DOUBTED, replace(DOUBTED, part=Split.VAL), None),
        (TEACHES, replace(TEACHES, path=Path("f")), None),
    ],
)
def test_of_two_copies_the_one_that_judges_last_is_kept(first, second, left_out):
    pair = Pair(first, second, 0.9)
    kept = [one for one in (first, second) if one is not left_out]
    assert without_copies([first, second], [pair]) == kept
    if left_out is None:
        refuse([pair])
    else:
        with pytest.raises(ValueError, match=r"1 (near-duplicates|pairs) across the splits"):
            refuse([pair])


def test_many_pictures_are_compared_beyond_one_block(tmp_path, monkeypatch):
    monkeypatch.setattr("learning.duplicates._ROWS_AT_ONCE", 3)
    samples = [a_sample(a_picture(tmp_path / f"{n}.jpg", n % 6), Split.TRAIN) for n in range(8)]
    pairs = near_duplicates(samples, thumbprints(samples, decode))
    assert {(pair.first.path.stem, pair.second.path.stem) for pair in pairs} == {("0", "6"), ("1", "7")}


def test_training_refuses_near_duplicates_across_splits_or_leaves_the_copies_out(tmp_path, capsys):
    rows = ["file,source,category,split,group"]
    for category in CATEGORIES:
        for number, split in enumerate(["train"] * 4 + ["val"] * 2 + ["test"]):
            name = f"{category}-{number}.jpg"
            (tmp_path / name).write_bytes(render(category, number))
            rows.append(f"{name},s,{category},{split},{name}")
    a_picture(tmp_path / "x.jpg", 9)
    a_picture(tmp_path / "y.jpg", 9, quality=50)
    rows += ["x.jpg,s,paper,train,x", "y.jpg,s,paper,test,y"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    train = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "m.onnx"), "--runs", str(tmp_path / "runs"), "--no-cache"]
    with pytest.raises(SettingsInvalid, match=r"x\.jpg \(train\) and .*y\.jpg \(test\)"):
        main(train)
    assert not (tmp_path / "m.onnx").exists()
    assert main([*train, "--drop-near-duplicates"]) == 0
    said = capsys.readouterr().out
    assert "left out 1 copies of pictures that judge" in said
    assert "s/test 6, s/train 20, s/val 10" in said


def test_a_picture_under_two_labels_is_told_with_both_files_and_stops_the_manifest_unless_it_may(tmp_path, capsys):
    for number in range(3):
        a_picture(tmp_path / "paper" / f"{number}.jpg", number)
        a_picture(tmp_path / "glass" / f"{number}.jpg", 10 + number)
    a_picture(tmp_path / "glass" / "same.jpg", 1, quality=60)
    both = r"paper/1\.jpg \(paper\).*|glass/same\.jpg \(glass\).*"
    with pytest.raises(
        SettingsInvalid, match=r"1 pairs look alike under different labels, and one label of each must be wrong"
    ) as said:
        main(["manifest", str(tmp_path)])
    assert len(re.findall(both, str(said.value).replace(" and ", "\n"))) == 2
    assert not (tmp_path / "manifest.csv").exists()
    assert main(["manifest", str(tmp_path), "--two-labels"]) == 0
    told = capsys.readouterr().err
    assert "alike under two labels: " in told
    assert "1.jpg (paper)" in told
    assert "same.jpg (glass)" in told


def test_training_says_that_one_of_two_labels_must_be_wrong(tmp_path):
    first = a_sample(a_picture(tmp_path / "a.jpg", 1), Split.TRAIN)
    again = a_sample(a_picture(tmp_path / "b.jpg", 1, quality=40), Split.TEST, Category.GLASS)
    pairs = near_duplicates([first, again], thumbprints([first, again], decode))
    with pytest.raises(ValueError, match=r"under different labels, of which one must be wrong: .*\(paper\) and .*\(glass\)"):
        refuse(pairs)
