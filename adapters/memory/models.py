"""The in-memory twin of the registry of models, as a worker sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from contracts.models import SecondOpinion, ServingPlan


@dataclass
class MemoryServing:
    """Twin of `contracts.models.Serving`."""

    planned: ServingPlan = field(default_factory=ServingPlan)
    opinions: list[SecondOpinion] = field(default_factory=list)
    withdrawn: list[tuple[str, str]] = field(default_factory=list)

    def plan(self) -> ServingPlan:
        """Return what is to be served."""
        return self.planned

    def withdraw(self, version: str, who: str, why: str, evidence: Mapping[str, object]) -> bool:  # noqa: ARG002 - as the port
        """Retire a model on trial; False if it is not on trial any more."""
        plan = self.planned
        canary, shadow = (None if file and file.version == version else file for file in (plan.canary, plan.shadow))
        if (canary, shadow) == (plan.canary, plan.shadow):
            return False
        self.withdrawn.append((version, why))
        self.planned = replace(plan, revision=plan.revision + 1, canary=canary, shadow=shadow)
        return True

    def keep_opinions(self, opinions: Sequence[SecondOpinion]) -> None:
        """Keep second opinions, each once."""
        known = {(one.event_id, one.model_version) for one in self.opinions}
        self.opinions += [one for one in opinions if (one.event_id, one.model_version) not in known]
