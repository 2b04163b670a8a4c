"""Models of the registry on a worker's own disk."""

import os
import resource

import pytest

from adapters.onnx.model_cache import ModelCache
from adapters.s3.objects import S3Objects
from adapters.s3.sigv4 import AwsKeys
from contracts.errors import ModelUnusable, ObjectMissing
from contracts.models import ModelFile
from models import shipped_model


def objects_of(stack):
    addresses = stack.addresses
    keys = AwsKeys(addresses.s3_access_key, addresses.s3_secret_key)
    return S3Objects(lambda: keys, endpoint_url=addresses.s3_endpoint, region=addresses.s3_region, bucket=addresses.s3_bucket)


@pytest.fixture
def objects(stack):
    return objects_of(stack)


@pytest.fixture
def file(objects):
    path, sha256 = shipped_model()
    objects.put("models/x.onnx", path.read_bytes(), "application/octet-stream")
    return ModelFile("x", sha256, "models/x.onnx")


def test_what_was_fetched_once_needs_no_store(objects, file, tmp_path):
    cache = ModelCache(tmp_path / "cache", objects)
    path = cache.path_of(file)
    assert path.read_bytes() == shipped_model()[0].read_bytes()
    assert ModelCache(tmp_path / "cache", None).path_of(file) == path


def test_what_a_killed_process_has_half_written_does_not_fill_the_disk(objects, file, tmp_path):
    old, coming = tmp_path / ".coming-old", tmp_path / ".coming-now"
    for half in (old, coming):
        half.write_bytes(b"half")
    os.utime(old, (0, 0))
    ModelCache(tmp_path, objects).path_of(file)
    assert (old.exists(), coming.exists()) == (False, True)


def test_a_damaged_file_is_fetched_again(objects, file, tmp_path):
    cache = ModelCache(tmp_path, objects)
    cache.path_of(file).write_bytes(b"half")
    assert cache.path_of(file).stat().st_size > 1000


def test_another_file_than_the_registry_says_is_refused(objects, file, tmp_path):
    objects.put("models/x.onnx", b"something else", "application/octet-stream")
    with pytest.raises(ModelUnusable, match="the registry says"):
        ModelCache(tmp_path, objects).path_of(file)
    assert not list(tmp_path.glob("*.onnx"))


def test_a_file_that_is_missing_or_too_large_is_said_so(objects, tmp_path):
    with pytest.raises(ObjectMissing):
        ModelCache(tmp_path, objects).path_of(ModelFile("y", "0" * 64, "models/y.onnx"))
    objects.put("models/z", b"12345", "application/octet-stream")
    assert objects.get("models/z", 5) == b"12345"
    with pytest.raises(ObjectMissing, match="larger than 4"):
        objects.get("models/z", 4)


def test_a_disk_that_takes_nothing_is_said_so(objects, file, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelUnusable, match="file"):
        ModelCache(tmp_path / "file" / "cache", objects).path_of(file)


def test_a_disk_that_takes_a_part_keeps_none_of_it(objects, file, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(ModelUnusable, match="too large"):
            ModelCache(tmp_path, objects).path_of(file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
