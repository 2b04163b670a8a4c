"""A model of eight bits from one of thirty-two: static quantization, as ONNX Runtime does it.

Activations uint8, weights int8 per channel, in QDQ form: on processors without VNNI signed activations were slower.
Source: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # see adapters.onnx.model

from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

_IMAGE = "image"


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pictures: Iterable[NDArray[np.uint8]]) -> None:
        self._pictures: Iterator[NDArray[np.uint8]] = iter(pictures)

    def get_next(self) -> dict[str, Any] | None:
        picture = next(self._pictures, None)
        return None if picture is None else {_IMAGE: picture[np.newaxis]}


def quantize(model: Path, pictures: Iterable[NDArray[np.uint8]], version: str) -> onnx.ModelProto:
    """Return `model` quantized by what `pictures` (uint8 [224, 224, 3]) make of its activations; named `version`.

    Labels, threshold and calibration stay those of the model; raises what ONNX Runtime raises.
    """
    with TemporaryDirectory() as folder:
        prepared, quantized = Path(folder) / "prepared.onnx", Path(folder) / "quantized.onnx"
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(quantized),
            _Pictures(pictures),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            # The head stays whole: probabilities in steps of 1/255 neither sum to one nor keep their calibration.
            op_types_to_quantize=["Conv", "Add", "Clip", "Relu"],
        )
        made = onnx.load(quantized)
    facts = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    onnx.helper.set_model_props(made, facts | {"version": version})
    return made
