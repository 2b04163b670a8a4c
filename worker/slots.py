"""Which model decides for whom.

What is in force is exchanged as a whole, while events flow: each is decided by one model, with that model's threshold, and
none waits for a model to load.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock
from typing import Protocol

from contracts.errors import FleetError
from contracts.facts import ModelNotLoaded, ModelsInForce, ModelUnfit
from contracts.models import ModelFile, Served, ServingPlan, place_of
from contracts.ports import Classifier, Telemetry
from worker.loads import Loads, StillLoading
from worker.pace import Pace

LOAD_S, FIRST_LOAD_S = 0.5, 60.0
"""So long an exchange, and the first one, waits for models that are not loaded yet; those that come later get one of their own."""


class Models(Protocol):
    """The models of a worker. Safe to use from several threads."""

    @property
    def served(self) -> Served:
        """What is in force."""

    def deciding(self, sensor_id: str) -> Classifier:
        """Return the model that decides a sensor's events."""

    def second(self, sensor_id: str) -> Classifier | None:
        """Return the model that is asked beside the deciding one, if any."""

    def unfit(self, model: Classifier, why: str) -> Classifier | None:
        """Ask a model on trial no more; return the champion, None if the model is that itself."""

    def took(self, model: Classifier, inference_ms: float) -> None:
        """Note how long a model took for a picture."""


class OneModel:
    """Implements `Models` with one that never changes; `problem` is why."""

    def __init__(self, model: Classifier, problem: str = "") -> None:
        """Serve `model` to all."""
        self._model = model
        self.served = Served(model.version, 0, problem)

    def deciding(self, sensor_id: str) -> Classifier:  # noqa: ARG002 - as of `Models`
        """Return the model."""
        return self._model

    def second(self, sensor_id: str) -> None:
        """Return none."""

    def unfit(self, model: Classifier, why: str) -> None:
        """Return none: there is no other."""

    def took(self, model: Classifier, inference_ms: float) -> None:
        """Note nothing."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The models of a plan, loaded."""

    plan: ServingPlan
    champion: Classifier
    canary: Classifier | None = None
    shadow: Classifier | None = None

    def on_canary(self, sensor_id: str) -> bool:
        """Return whether a sensor's events are decided by the canary."""
        return self.canary is not None and place_of(sensor_id, self.canary.version) < self.plan.canary_cut

    def on_shadow(self, sensor_id: str) -> bool:
        """Return whether a sensor's pictures are scored by the shadow."""
        return self.shadow is not None and place_of(sensor_id, self.shadow.version) < self.plan.shadow_share


class ModelSlots:
    """Implements `Models` with those of the registry."""

    def __init__(self, own: Callable[[], Classifier], load: Callable[[ModelFile], Classifier], telemetry: Telemetry) -> None:
        """`own` gives the model for a plan without a champion, `load` one of the registry; both may raise a FleetError."""
        self._own, self._telemetry = own, telemetry
        self._loads = Loads(load)
        self._now: InForce | None = None
        self._known: list[tuple[Classifier, ModelFile]] = []
        """What was loaded for this plan or the one before it, and from which file."""
        self._problem = ""
        self._pace = Pace()
        self._lock = Lock()
        self.benched: dict[str, str] = {}
        """Versions on trial that were found unfit here and are not withdrawn yet, and why."""

    @property
    def in_force(self) -> InForce:
        """What is in force; there is something from the first `bring` on."""
        assert self._now is not None  # noqa: S101 - the composition root brings a plan before the first event
        return self._now

    @property
    def served(self) -> Served:
        """What is in force, and why it is not what is planned."""
        return Served(self.in_force.champion.version, self.in_force.plan.revision, self._problem)

    def deciding(self, sensor_id: str) -> Classifier:
        """Return the canary for the sensors that it is tried on, and the champion for all others."""
        now = self.in_force
        return now.canary if now.canary and now.on_canary(sensor_id) else now.champion

    def second(self, sensor_id: str) -> Classifier | None:
        """Return the champion where the canary decides, and the shadow for its share of the others."""
        now = self.in_force
        if now.on_canary(sensor_id):
            return now.champion
        return now.shadow if now.on_shadow(sensor_id) else None

    def on_arrival(self, arrived: Callable[[], object]) -> None:
        """Have `arrived` be called when a model has come, or failed to, for which an exchange did not wait."""
        self._loads.arrived = arrived

    def bring(self, plan: ServingPlan) -> bool:
        """Load what a plan names and exchange all of it at once; returns whether all of it is in force.

        What cannot be loaded leaves the champion that there is, and a trial without its model. Raises a FleetError only if there
        is nothing at all to decide with.
        """
        problems: list[tuple[str, FleetError]] = []
        until = time.monotonic() + (LOAD_S if self._now else FIRST_LOAD_S)
        self._begin(plan)
        champion = self._champion(plan, problems, until)
        canary, shadow = (self._on_trial(file, problems, until) for file in (plan.canary, plan.shadow))
        self._problem = "; ".join(f"{what}: {error}" for what, error in problems)
        self._known = [one for one in self._known if any(one[0] is used for used in (champion, canary, shadow))]
        with self._lock:
            before = self._now
            # A plan that is not wholly in force is asked for again: its revision must not be told.
            kept = plan if not problems else replace(plan, revision=before.plan.revision if before else -1)
            self._now = InForce(
                kept, champion, *(one if one and one.version not in self.benched else None for one in (canary, shadow))
            )
        if any(not isinstance(error, StillLoading) for _, error in problems):
            self._telemetry.emit(ModelNotLoaded(plan.revision, self._problem))
        elif not problems:
            self._telemetry.emit(_told(self.in_force))
        return not problems

    def _begin(self, plan: ServingPlan) -> None:
        files = [file for file in (plan.champion, plan.canary, plan.shadow) if file]
        self._loads.forget_all_but(files)
        for file in files:
            if self._there(file) is None and file.version not in self.benched:
                self._loads.begin(file)

    def _champion(self, plan: ServingPlan, problems: list[tuple[str, FleetError]], until: float) -> Classifier:
        try:
            return self._loaded(plan.champion, until) if plan.champion else self._own()
        except FleetError as error:
            problems.append(("champion", error))
        return self._now.champion if self._now else self._own()

    def _on_trial(self, file: ModelFile | None, problems: list[tuple[str, FleetError]], until: float) -> Classifier | None:
        if file is None or file.version in self.benched:
            return None
        try:
            return self._loaded(file, until)
        except FleetError as error:
            problems.append((file.version, error))
            return None

    def _loaded(self, file: ModelFile, until: float) -> Classifier:
        model = self._there(file)
        if model is None:
            self._loads.begin(file)
            model = self._loads.take(file, max(0.0, until - time.monotonic()))
            self._known.append((model, file))
        return model

    def _there(self, file: ModelFile) -> Classifier | None:
        # By its file and not by its version: the worker's own model may bear the name of another.
        return next((model for model, of in self._known if of == file), None)

    def unfit(self, model: Classifier, why: str) -> Classifier | None:
        """Ask a model on trial no more; return the champion, None if the model is that itself."""
        with self._lock:
            now = self.in_force
            if model is now.champion:
                return None
            if model is now.canary or model is now.shadow:
                self.benched[model.version] = why
                self._now = replace(
                    now,
                    canary=None if model is now.canary else now.canary,
                    shadow=None if model is now.shadow else now.shadow,
                )
                self._telemetry.emit(ModelUnfit(model.version, why))
            return now.champion

    def took(self, model: Classifier, inference_ms: float) -> None:
        """Note how long a model took for a picture; one on trial that is far slower than the champion is unfit."""
        self._pace.note(model.version, inference_ms)
        now = self.in_force
        if model is not now.champion and (why := self._pace.slower(model.version, now.champion.version)):
            self.unfit(model, why)


def _told(now: InForce) -> ModelsInForce:
    return ModelsInForce(
        now.plan.revision,
        now.champion.version,
        now.canary.version if now.canary else None,
        now.shadow.version if now.shadow else None,
    )
