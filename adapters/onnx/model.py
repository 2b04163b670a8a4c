"""The classifier: one ONNX file, checked before it is believed, run by ONNX Runtime on one thread of the caller.

The file's contract: input `image` uint8 [n, 224, 224, 3] RGB; output `probabilities` float32 [n, 5] in the order of
`contracts.categories.CATEGORIES`; optionally outputs `outlier_score` float32 [n], in [0, 1] and the higher the less a
picture looks like any of them, and `features` float32 [n, 1280]. Its metadata, all text:

| key | what it says |
| --- | --- |
| labels | JSON list of the categories in the order of the output |
| version | the model's name on every prediction, 1 to 100 printable characters |
| threshold | the confidence from which it is believed, a number in [0, 1] |
| outlier_threshold | with `outlier_score`: the score above which it is not believed, a number in [0, 1] |
| preprocessing | `adapters.pictures.pixels.PREPROCESSING` of its training |
| calibration | JSON object: temperature, and how well confidence matched accuracy on the validation set |
| data_fingerprint | SHA-256 over the list of the training data |
| git_revision | the commit that trained it |

The file is all of the model: one whose tensors lie in other files is refused.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

# Before the import: the runtime would keep a database in the home folder and tell its maker of each session.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from adapters.onnx.bytes import names_other_files
from adapters.onnx.feature_sketch import sketch
from adapters.pictures.pixels import PREPROCESSING, SIDE_PX, Picture
from contracts.categories import CATEGORIES
from contracts.errors import ModelUnusable, PredictionInvalid
from contracts.outcomes import Scores

SUM_TOLERANCE = 1e-3
LONGEST_VERSION = 100
_QUOTED = 200
_IMAGE, _PROBABILITIES, _OUTLIER_SCORE, _FEATURES = "image", "probabilities", "outlier_score", "features"
_SHAPES = {_PROBABILITIES: (1, len(CATEGORIES)), _OUTLIER_SCORE: (1,)}
"""Of one picture."""
_KEYS = ("labels", "version", "threshold", "preprocessing", "calibration", "data_fingerprint", "git_revision")
_RUNTIME_ERRORS = (  # ONNX Runtime's errors share no base class but Exception
    runtime_errors.EPFail,
    runtime_errors.EngineError,
    runtime_errors.Fail,
    runtime_errors.InvalidArgument,
    runtime_errors.InvalidGraph,
    runtime_errors.InvalidProtobuf,
    runtime_errors.ModelLoaded,
    runtime_errors.NoModel,
    runtime_errors.NoSuchFile,
    runtime_errors.NotImplemented,
    runtime_errors.RuntimeException,
)


@dataclass(frozen=True)
class ModelFacts:
    """What a model file says of itself; see the module's table."""

    version: str
    threshold: float
    outlier_threshold: float | None
    temperature: float
    data_fingerprint: str
    git_revision: str


class OnnxFeatures:
    """The backbone of a model file, or of the bare backbone: pixels to the features that a head is fitted on."""

    def __init__(self, session: onnxruntime.InferenceSession, path: Path) -> None:
        """`session` is open on the file at `path`, which has the output `features`."""
        self._session, self._path = session, path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Open the file at `path`; raises `ModelUnusable` if it is no ONNX file from `image` to `features`."""
        data = _read(path)
        with _naming(path):
            session = _open_session(data)
            _check_input(session)
            if _FEATURES not in {output.name for output in session.get_outputs()}:
                raise ModelUnusable(f"no output {_FEATURES}")
        return cls(session, path)

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features float32 [n, 1280] of `images` uint8 [n, 224, 224, 3]; the caller's one thread works.

        Raises `ModelUnusable` if the runtime fails.
        """
        with _naming(self._path):
            return _run(self._session, [_FEATURES], images)[0]


class OnnxClassifier:
    """A `contracts.ports.Classifier` from an ONNX file. Safe to call from several threads at once."""

    def __init__(self, session: onnxruntime.InferenceSession, facts: ModelFacts, path: Path) -> None:
        """`session` is open on the file at `path`, which has been checked to be what `facts` say; see `load`."""
        self._session, self._path = session, path
        made = {output.name for output in session.get_outputs()}
        self._outputs = [name for name in (_PROBABILITIES, _OUTLIER_SCORE, _FEATURES) if name in made]
        self.facts = facts

    @classmethod
    def load(cls, path: Path, sha256: str, *, threshold: float | None = None) -> Self:
        """Open the model at `path` if its bytes have the digest `sha256` (hexadecimal).

        `threshold` in [0, 1] replaces the model's own. Raises `ModelUnusable` if the file is missing, is another one,
        breaks the contract above, or fails its first run.
        """
        data = _read(path)
        found = hashlib.sha256(data).hexdigest()
        if found != sha256.lower():
            wanted = f"not {sha256}" if sha256 else "and none was named (MODEL_SHA256)"
            raise ModelUnusable(f"{path} has the SHA-256 {found}, {wanted}")
        with _naming(path):
            session = _open_session(data)  # from the bytes that were checked: the file may change meanwhile
            _check_input(session)
            _check_output(session)
            classifier = cls(session, _read_facts(session, threshold), path)
        classifier._warm_up()
        return classifier

    @property
    def version(self) -> str:
        """The model's version, as in its metadata."""
        return self.facts.version

    @property
    def threshold(self) -> float:
        """The confidence from which this model is believed, in [0, 1]."""
        return self.facts.threshold

    @property
    def outlier_threshold(self) -> float | None:
        """The outlier score above which this model is not believed, in [0, 1]; None if it makes none."""
        return self.facts.outlier_threshold

    def classify(self, image: Picture) -> Scores:
        """Return the scores of `image`, uint8 (224, 224, 3) RGB.

        Raises `PredictionInvalid` if they are not one for each category, no probabilities, or do not sum to 1 within
        0.001, and `ModelUnusable` if the runtime fails.
        """
        with _naming(self._path):
            outputs = dict(zip(self._outputs, _run(self._session, self._outputs, image[np.newaxis]), strict=True))
        # Not only at the start: what a file declares binds it as little as what it made of another picture.
        for name, wanted in _SHAPES.items():
            if name in outputs and outputs[name].shape != wanted:
                raise PredictionInvalid(f"{name} of shape {outputs[name].shape}, not {wanted}")
        scores = _scores(outputs)
        outlier_scores = [] if scores.outlier_score is None else [scores.outlier_score]
        if not all(math.isfinite(p) and 0.0 <= p <= 1.0 for p in [*scores.probabilities, *outlier_scores]):
            raise PredictionInvalid(f"{scores}")
        if abs(math.fsum(scores.probabilities) - 1.0) > SUM_TOLERANCE:
            raise PredictionInvalid(f"{scores.probabilities} sum to {math.fsum(scores.probabilities):.4f}")
        return scores

    def _warm_up(self) -> None:
        try:
            self.classify(np.full((SIDE_PX, SIDE_PX, 3), 127, np.uint8))
        except PredictionInvalid as error:
            raise ModelUnusable(f"{self._path}: first run: {error}") from error


def _scores(outputs: Mapping[str, NDArray[np.float32]]) -> Scores:
    outlier_score = outputs[_OUTLIER_SCORE][0].item() if _OUTLIER_SCORE in outputs else None
    seen = sketch(outputs[_FEATURES].ravel()) if _FEATURES in outputs else None
    return Scores(outputs[_PROBABILITIES][0].tolist(), outlier_score, seen)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have every `ModelUnusable` name the file."""
    try:
        yield
    except ModelUnusable as error:
        raise ModelUnusable(f"{path}: {error.detail}") from error
    except UnicodeDecodeError as error:  # in a name, a metadata text or what the runtime quotes of them
        raise ModelUnusable(f"{path}: a text in it is not UTF-8: {error.reason}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"{path}: {error.strerror}") from error


def _open_session(data: bytes) -> onnxruntime.InferenceSession:
    """Open a session on one thread: several workers beside each other beat one worker on several threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # `names_other_files` reads no other
    options.log_severity_level = 4  # what it would print comes as an exception, too
    try:
        if names_other_files(data):
            raise ModelUnusable("some of its tensors lie in other files, which no digest covers: write them into the model")
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (*_RUNTIME_ERRORS, ValueError) as error:
        raise ModelUnusable(f"not a usable ONNX file: {error}") from error


def _run(session: onnxruntime.InferenceSession, outputs: Sequence[str], images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    try:
        result: list[NDArray[np.float32]] = session.run(outputs, {_IMAGE: images})
    except _RUNTIME_ERRORS as error:
        raise ModelUnusable(f"inference failed: {error}") from error
    return result


def _check_input(session: onnxruntime.InferenceSession) -> None:
    found = [(i.name, i.type, i.shape[1:]) for i in session.get_inputs()]
    wanted = [(_IMAGE, "tensor(uint8)", [SIDE_PX, SIDE_PX, 3])]
    if found != wanted:
        raise ModelUnusable(f"input {found}, not {wanted}")


def _check_output(session: onnxruntime.InferenceSession) -> None:
    found = {o.name: (o.type, o.shape[1:]) for o in session.get_outputs()}
    wanted = ("tensor(float)", [len(CATEGORIES)])
    if found.get(_PROBABILITIES) != wanted:
        raise ModelUnusable(f"outputs {found}, not {_PROBABILITIES} {wanted}")
    if _OUTLIER_SCORE in found and found[_OUTLIER_SCORE] != ("tensor(float)", []):
        raise ModelUnusable(f"output {_OUTLIER_SCORE} {found[_OUTLIER_SCORE]}, not a number a picture")
    if _FEATURES in found and (found[_FEATURES][0] != "tensor(float)" or len(found[_FEATURES][1]) != 1):
        raise ModelUnusable(f"output {_FEATURES} {found[_FEATURES]}, not a vector a picture")


def _read_facts(session: onnxruntime.InferenceSession, threshold: float | None) -> ModelFacts:
    metadata = session.get_modelmeta().custom_metadata_map
    if missing := [key for key in _KEYS if not metadata.get(key)]:
        raise ModelUnusable(f"no metadata {', '.join(missing)}")
    if metadata["preprocessing"] != PREPROCESSING:
        raise ModelUnusable(f"trained with preprocessing {metadata['preprocessing'][:_QUOTED]}, not {PREPROCESSING}")
    try:
        labels = json.loads(metadata["labels"])
        temperature = float(json.loads(metadata["calibration"])["temperature"])
        believed_from = float(metadata["threshold"]) if threshold is None else threshold
        scores_outliers = _OUTLIER_SCORE in {output.name for output in session.get_outputs()}
        outlier_threshold = float(metadata["outlier_threshold"]) if scores_outliers else None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ModelUnusable(f"metadata: {type(error).__name__} {error}") from error
    if labels != [category.value for category in CATEGORIES]:
        raise ModelUnusable(f"labels {metadata['labels'][:_QUOTED]}")
    if not 0.0 <= believed_from <= 1.0:
        raise ModelUnusable(f"threshold {believed_from}, not in [0, 1]")
    if outlier_threshold is not None and not 0.0 <= outlier_threshold <= 1.0:
        raise ModelUnusable(f"outlier_threshold {outlier_threshold}, not in [0, 1]")
    return ModelFacts(
        version=_checked_version(metadata["version"]),
        threshold=believed_from,
        outlier_threshold=outlier_threshold,
        temperature=temperature,
        data_fingerprint=metadata["data_fingerprint"],
        git_revision=metadata["git_revision"],
    )


def _checked_version(version: str) -> str:
    if len(version) > LONGEST_VERSION or not version.isprintable():  # Postgres stores no NUL, and it stands in every log line
        raise ModelUnusable(f"version {version[:_QUOTED]!r}, not 1 to {LONGEST_VERSION} printable characters")
    return version
