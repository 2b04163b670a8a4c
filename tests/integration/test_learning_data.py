"""Manifests and folders: what is read, what is refused, who teaches and who judges."""

import csv
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from adapters.pictures.pixels import PREPROCESSING, decode
from contracts.categories import CATEGORIES, Category
from contracts.errors import SettingsInvalid
from learning.__main__ import main
from learning.datasets import Split, read_manifests
from learning.export import read_backbone
from learning.feature_cache import FeatureCache
from learning.features import extract_features
from models import shipped_model
from tests.training_data import a_picture, a_sample


def a_manifest(folder, *rows, encoding="utf-8"):
    folder.mkdir(exist_ok=True)
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"x")
    (folder / "manifest.csv").write_text("\n".join(["file,source,category,split,group,origin_split", *rows]), encoding=encoding)
    return folder


def test_a_group_is_of_its_folder_and_source(tmp_path):
    folders = [
        a_manifest(tmp_path / "one", "a.jpg,s,paper,train,g,", "b.jpg,t,paper,val,g,"),
        a_manifest(tmp_path / "two", "a.jpg,s,paper,test,g,"),
    ]
    assert [sample.split for sample in read_manifests(folders)] == [Split.TRAIN, Split.VAL, Split.TEST]
    with pytest.raises(ValueError, match=r"line 3: group g is in train .*a\.jpg.* and val .*b\.jpg"):
        read_manifests([a_manifest(tmp_path / "one", "a.jpg,s,paper,train,g,", "b.jpg,s,paper,val,g,")])


def test_a_group_of_outliers_does_not_teach_and_judge(tmp_path):
    with pytest.raises(ValueError, match=r"group g is in ood to teach .* and ood to judge"):
        read_manifests([a_manifest(tmp_path, "a.jpg,s,other,ood,g,train", "b.jpg,s,other,ood,g,test")])
    assert len(read_manifests([a_manifest(tmp_path, "a.jpg,s,other,ood,g,val", "b.jpg,s,other,ood,g,test")])) == 2


@pytest.mark.parametrize(
    "again", ["a.jpg,s,paper,test,g,", "a.jpg,s,glass,test,h,", "./a.jpg,t,paper,train,i,", "link.jpg,s,paper,test,j,"]
)
def test_a_file_that_occurs_twice_is_refused_with_both_lines(tmp_path, again):
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    folder = a_manifest(tmp_path, "a.jpg,s,paper,test,g,", "b.jpg,s,paper,test,k,", again)
    with pytest.raises(ValueError, match=r"manifest\.csv, line 4, file: .*\.jpg occurs already in .*manifest\.csv, line 2"):
        read_manifests([folder])
    with pytest.raises(ValueError, match=r"line 2, file: .* occurs already in .*line 2"):
        read_manifests([a_manifest(tmp_path, "a.jpg,s,paper,test,g,")] * 2)


def test_a_manifest_from_a_spreadsheet_is_read(tmp_path):
    (sample,) = read_manifests([a_manifest(tmp_path, "a.jpg,s,paper,test,g,", encoding="utf-8-sig")])
    assert sample.path == tmp_path / "a.jpg"


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    folder = a_manifest(tmp_path / "data", "c.jpg,s,paper,test,g,", "d/c.jpg,s,paper,test,h,")
    (tmp_path / "c.jpg").write_bytes(b"x")
    (folder / "c.jpg").symlink_to("../c.jpg")
    with pytest.raises(ValueError, match=r"line 2, file: c\.jpg leads out of"):
        read_manifests([folder])
    (folder / "c.jpg").unlink()
    (folder / "c.jpg").write_bytes(b"x")
    (folder / "d").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r"line 3, file: d/c\.jpg leads out of"):
        read_manifests([folder])
    (tmp_path / "elsewhere").symlink_to(a_manifest(tmp_path / "real", "a.jpg,s,paper,test,g,"))
    assert len(read_manifests([tmp_path / "elsewhere"])) == 1


def test_folders_become_a_manifest_whose_groups_are_whole(tmp_path, capsys):
    for place, category in enumerate(["plastic", "paper", "cardboard", "glass", "metal", "organic", "other"]):
        for number in range(10):
            a_picture(tmp_path / category / f"{number}.jpg", place * 1000 + number)
    for number in range(4):
        a_picture(tmp_path / "paper" / f"burst-{number}.jpg", 77, shift=number)
    assert main(["manifest", str(tmp_path), "--source", "plant", "--val", "0.2", "--test", "0.2", "--seed", "3"]) == 0
    assert "74 pictures" in capsys.readouterr().out
    samples = read_manifests([tmp_path])
    assert {sample.source for sample in samples} == {"plant"}
    assert sum(sample.category is Category.PAPER for sample in samples) == 24
    assert {sample.split for sample in samples if sample.category is None} == {Split.OOD}
    burst = {(sample.group, sample.split) for sample in samples if "burst" in sample.path.name}
    assert len(burst) == 1
    for category in CATEGORIES:
        shares = Counter(sample.split for sample in samples if sample.category is category)
        assert min(shares[split] for split in (Split.TRAIN, Split.VAL, Split.TEST)) >= 1
    before = (tmp_path / "manifest.csv").read_bytes()
    assert main(["manifest", str(tmp_path), "--source", "plant", "--val", "0.2", "--test", "0.2", "--seed", "3", "--force"]) == 0
    assert (tmp_path / "manifest.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("arrange", "said"),
    [
        (lambda folder: (folder / "wood").mkdir(), "folders wood are none of"),
        (lambda folder: (folder / "paper").mkdir(), "no pictures"),
        (lambda folder: None, "no folders"),
        (lambda folder: a_picture(folder / "paper" / "a.jpg", 1).write_bytes(b"no picture"), r"a\.jpg"),
        (lambda folder: (a_picture(folder / "paper" / "a.jpg", 1), (folder / "manifest.csv").touch()), "--force"),
    ],
)
def test_folders_that_cannot_be_used_are_said(tmp_path, arrange, said):
    arrange(tmp_path)
    with pytest.raises(SettingsInvalid, match=said):
        main(["manifest", str(tmp_path)])


def test_files_that_are_not_read_are_counted_by_kind(tmp_path, capsys):
    for number in range(3):
        a_picture(tmp_path / "paper" / f"{number}.jpg", number)
    for name in ("x.heic", "y.HEIC", "notes.txt", "README", ".hidden"):
        (tmp_path / "paper" / name).write_bytes(b"x")
    assert main(["manifest", str(tmp_path)]) == 0
    assert "left out, as it reads .jpeg, .jpg, .png, .webp alone: 2 .heic, 1 .txt, 1 without a suffix" in capsys.readouterr().err
    (tmp_path / "glass").mkdir()
    (tmp_path / "glass" / "a.heic").write_bytes(b"x")
    with pytest.raises(SettingsInvalid, match=r"glass: no pictures .*, but \.heic"):
        main(["manifest", str(tmp_path), "--force"])


def test_nothing_left_to_train_on_is_said(tmp_path):
    with pytest.raises(SettingsInvalid, match="nothing to train on"):
        main(["manifest", str(tmp_path), "--val", "0.6", "--test", "0.4"])


def test_features_are_computed_once_for_a_backbone_and_again_for_another(tmp_path):
    backbone = read_backbone(shipped_model()[0], PREPROCESSING)
    samples = [a_sample(a_picture(tmp_path / f"{n}.jpg", n), Split.TRAIN) for n in range(5)]
    samples.append(replace(samples[0], path=a_picture(tmp_path / "copy.jpg", 0)))
    asked = []

    def extract(pictures):
        asked.append(len(pictures))
        return pictures.reshape(len(pictures), -1)[:, :1280].astype(np.float32)

    for _ in range(2):
        with FeatureCache.open(tmp_path / "cache", backbone, "p1") as cache:
            features = extract_features(samples, decode, extract, cache)
    assert len(asked) == 5
    assert np.array_equal(features.values, extract_features(samples, decode, extract).values)
    asked.clear()
    with FeatureCache.open(tmp_path / "cache", backbone, "p2") as cache:
        extract_features(samples, decode, extract, cache)
    assert len(asked) == 5


def test_which_outliers_teach_is_the_manifests_to_say_and_else_by_their_group(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    for column, part, expected in (("origin_split", "train", True), ("origin_split", "test", False), ("note", "train", None)):
        (tmp_path / "manifest.csv").write_text(f"file,source,category,split,group,{column}\na.jpg,s,other,ood,g,{part}\n")
        (sample,) = read_manifests([tmp_path])
        assert sample.teaches_outliers is (expected if expected is not None else sample.teaches_outliers)
    groups = [replace(sample, group=str(number)).teaches_outliers for number in range(1000)]
    assert 0.6 < np.mean(groups) < 0.8
    (tmp_path / "manifest.csv").write_text("file,source,category,split,group,origin_split\na.jpg,s,other,ood,g,dev\n")
    with pytest.raises(ValueError, match="line 2, origin_split: 'dev'"):
        read_manifests([tmp_path])


def test_a_manifest_of_folders_can_be_read_by_a_person(tmp_path):
    a_picture(tmp_path / "paper" / "a.jpg", 1)
    a_picture(tmp_path / "paper" / "b.jpg", 2)
    main(["manifest", str(tmp_path), "--val", "0.4", "--test", "0.1"])
    with (tmp_path / "manifest.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["file"] for row in rows] == ["paper/a.jpg", "paper/b.jpg"]
    assert {row["category"] for row in rows} == {"paper"}


def test_two_who_write_the_same_file_at_once_leave_one_of_theirs_whole(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    from learning.files import write_whole

    path, bodies = tmp_path / "m.onnx", [bytes([n]) * 300_000 for n in range(4)]
    write_whole(bodies[0], path)

    def read(_):
        return path.read_bytes() in bodies

    with ThreadPoolExecutor(6) as threads:
        written = [threads.submit(write_whole, bodies[n % 4], path) for n in range(100)]
        assert all(threads.map(read, range(200)))
        for job in written:
            job.result()
    assert [one.name for one in tmp_path.iterdir()] == ["m.onnx"]


def test_a_name_that_no_manifest_can_hold_is_said_and_leaves_the_old_manifest(tmp_path, capsys):
    import os

    for category in ("glass", "metal"):
        (tmp_path / category).mkdir()
        for number in range(3):
            Image.fromarray(np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(
                tmp_path / category / f"{category}{number}.png"
            )
    (tmp_path / "glass" / "glass0.png").rename(os.fsdecode(os.fsencode(tmp_path / "glass") + b"/gl\xff.png"))
    (tmp_path / "manifest.csv").write_text("old")
    with pytest.raises(SettingsInvalid, match="rename the file"):
        main(["manifest", str(tmp_path), "--force", "--two-labels"])
    assert (tmp_path / "manifest.csv").read_text() == "old"
