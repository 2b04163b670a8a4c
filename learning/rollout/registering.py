"""A model file becomes a candidate of the registry."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import ModelRefused
from contracts.models import MOST_MODEL_BYTES, ModelFile, NewModel, Registry, model_key
from contracts.ports import KeptObjects

ReadFacts = Callable[[Path, str], Mapping[str, Any]]
"""A model's file and its SHA-256 to what it says of itself, with `version`; raises ModelUnusable for a file that is no model."""


@dataclass(frozen=True, slots=True)
class Registrar:
    """Puts files into `objects` and their entries into `registry`, in this order: an entry never names a file that is not there."""

    registry: Registry
    objects: KeptObjects
    read_facts: ReadFacts

    def add(
        self,
        path: Path,
        who: str,
        *,
        metrics: Mapping[str, object] | None = None,
        snapshot_id: str | None = None,
        parent: str | None = None,
    ) -> tuple[ModelFile, bool]:
        """Return the model's entry, and whether it is new.

        Raises ModelUnusable, ModelRefused for a version or a file that is another's, ObjectStoreUnavailable, LedgerUnavailable.
        """
        try:
            body = path.read_bytes()
        except OSError as error:
            raise ModelRefused("file", f"{path}: {error.strerror}") from error
        if len(body) > MOST_MODEL_BYTES:
            raise ModelRefused("file", f"{path} has {len(body)} bytes, and {MOST_MODEL_BYTES} are the most")
        sha256 = hashlib.sha256(body).hexdigest()
        facts = dict(self.read_facts(path, sha256))
        file = ModelFile(str(facts.pop("version")), sha256, model_key(sha256))
        self.objects.put(file.object_key, body, "application/octet-stream")
        return file, self.registry.add(
            NewModel(file, len(body), facts, who, metrics=metrics or {}, snapshot_id=snapshot_id, parent=parent)
        )
