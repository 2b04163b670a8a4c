"""What people may do with models by hand. What they do is in force in every worker within five seconds. Pure."""

from dataclasses import dataclass

from contracts.errors import ModelRefused
from contracts.models import ModelState, Registry

_MAY_GO_TO: dict[ModelState, tuple[ModelState, ...]] = {
    ModelState.SHADOW: (ModelState.CANDIDATE, ModelState.RETIRED),
    ModelState.CANARY: (ModelState.CANDIDATE, ModelState.SHADOW, ModelState.RETIRED),
    ModelState.CHAMPION: (ModelState.CANDIDATE, ModelState.SHADOW, ModelState.CANARY, ModelState.RETIRED),
    ModelState.RETIRED: (ModelState.CANDIDATE, ModelState.SHADOW, ModelState.CANARY),
}
"""From which states a model may come to each. A champion goes by a roll-back, or when another takes its place."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves models of `registry` in the name of `who`."""

    registry: Registry
    who: str

    def move(self, version: str, target: ModelState, why: str, *, instead_of: str | None = None) -> ModelState:
        """Move a model and return where it came from; raises ModelRefused if it cannot go there.

        So it does if the model would replace another than `instead_of`; empty: nothing, None: whichever.
        """
        state = self.may_move(version, target)
        if not self.registry.move(version, state, target, self.who, why, {}, instead_of=instead_of):
            what = version if instead_of is None else f"{version}, or the {target},"
            raise ModelRefused("version", f"{what} was moved by somebody else meanwhile; look again")
        return state

    def may_move(self, version: str, target: ModelState) -> ModelState:
        """Return a model's state if it can go to `target` from there; raises ModelRefused if it cannot."""
        state = self.state_of(version)
        if state not in _MAY_GO_TO[target]:
            hint = "; `waste model rollback` takes it back" if state is ModelState.CHAMPION and target is not state else ""
            raise ModelRefused("version", f"{version} is {state}, from where it does not become {target}{hint}")
        return state

    def roll_back(self, why: str, of: str | None = None) -> tuple[str, str | None]:
        """Retire the champion and return it and the one that is it again; raises ModelRefused if there is none, or not `of`."""
        if of is not None and self.state_of(of) is not ModelState.CHAMPION:
            raise ModelRefused("--of", f"{of} is not the champion: nothing is taken back")
        found = self.registry.roll_back(self.who, why, of)
        if found is None and of is not None:
            raise ModelRefused("version", f"{of} was moved by somebody else meanwhile; look again")
        if found is None:
            raise ModelRefused("registry", "has no champion: workers use their own model already")
        return found

    def state_of(self, version: str) -> ModelState:
        """Return a model's state; raises ModelRefused if there is none of that name."""
        for model in self.registry.models():
            if model.file.version == version:
                return model.state
        raise ModelRefused("version", f"{version} is not in the registry; `waste model list` shows what is")
