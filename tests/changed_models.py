"""The shipped model with something wrong in it."""

import hashlib

import onnx

from models import shipped_model


def changed(tmp_path, change):
    """Return the path of a changed copy and its digest."""
    model = onnx.load(shipped_model()[0])
    change(model)
    path = tmp_path / "changed.onnx"
    data = model.SerializeToString()
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()
