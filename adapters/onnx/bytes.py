"""Whether the bytes of an ONNX file are the whole model, or it names other files for a part of its weights.

ONNX Runtime looks such files up in the current folder, also for a session from bytes, and no digest of the model covers them.
It has no option to refuse them, and the package `onnx` is not the worker's: so the message is walked here, over the few fields
of onnx.proto that lead to a tensor, without decoding anything else.
"""

from collections.abc import Iterator, Mapping

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TENSOR = "TensorProto"
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_LEADS_TO: Mapping[str, Mapping[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: _TENSOR, 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: _TENSOR,
        6: "GraphProto",
        10: _TENSOR,
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: _TENSOR, 2: _TENSOR},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    _TENSOR: {},
}


def names_other_files(data: bytes) -> bool:
    """Return whether a tensor of the ModelProto in `data`, at any depth, has its values elsewhere.

    Raises ValueError if the bytes are no protobuf.
    """
    waiting = [("ModelProto", 0, len(data))]
    while waiting:
        kind, start, end = waiting.pop()
        for number, wire, first, last in _fields(data, start, end):
            if kind == _TENSOR and (number, wire) == (_EXTERNAL_DATA, _BYTES):
                return True
            # Any location but 0: the runtime cuts the number to 32 bits before it compares.
            if kind == _TENSOR and (number, wire) == (_DATA_LOCATION, _VARINT) and _varint(data, first, last)[0]:
                return True
            if wire == _BYTES and (inner := _LEADS_TO[kind].get(number)):
                waiting.append((inner, first, last))
    return False


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type, start and end of each field's value."""
    while start < end:
        tag, start = _varint(data, start, end)
        number, wire = tag >> 3, tag & 7
        if not 0 < tag < 2**32 or not number:
            raise ValueError(f"tag {tag}")
        if wire == _VARINT:
            last = _varint(data, start, end)[1]
        elif wire == _BYTES:
            length, start = _varint(data, start, end)
            last = start + length
        elif wire in {_FIXED64, _FIXED32}:
            last = start + (8 if wire == _FIXED64 else 4)
        else:
            raise ValueError(f"wire type {wire}")
        if last > end:
            raise ValueError(f"field {number} ends too late")
        yield number, wire, start, last
        start = last


def _varint(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the number that begins at `start`, and where it ends."""
    value = 0
    for place, byte in enumerate(data[start : min(end, start + 10)]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, start + place + 1
    raise ValueError("a number without an end")
