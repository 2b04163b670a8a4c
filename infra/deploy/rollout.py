"""What is done in which order, and what is undone when a step fails. Pure but for what `Site` does.

The schema is widened before any new code runs, and never narrowed by a way back: each migration works with the code of before
(CONTRIBUTING.md), so that old code on the new schema is what a way back leads to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

DATABASE = "database"
ORDER = ("worker", "drain", "intake", "gateway", "review", "learning", "scaler")
"""Who reads what others write comes first: a worker that knows a new field before intake writes it, and not after."""


class DeployFailed(Exception):
    """A step failed; the message says which and why."""


class Watched(Protocol):
    """What can be looked at from outside. Each method raises DeployFailed."""

    def smoke(self) -> None:
        """Send one picture through the whole fleet and wait for its outcome."""

    def alarms(self) -> Sequence[str]:
        """Return the names of the alarms that sound now."""


class Site(Watched, Protocol):
    """Where services run. Each method raises DeployFailed."""

    def running(self) -> Mapping[str, str]:
        """Return the image of each service, by digest."""

    def migrate(self, image: str) -> None:
        """Bring the database to the shape that `image` needs; returns when that is done."""

    def update(self, service: str, image: str) -> None:
        """Have a service run `image`; returns at once."""

    def await_steady(self, services: Sequence[str]) -> None:
        """Wait until each of the services runs what it was told and is healthy."""


class Ending(IntEnum):
    """How a deployment ended; the number is the exit code."""

    DEPLOYED = 0
    ROLLED_BACK = 1
    STUCK = 2
    """Neither forth nor back: somebody has to look."""


def refuse_under_alarm(site: Watched) -> None:
    """Raise DeployFailed while an alarm sounds: what is begun then could not be judged."""
    if alarms := site.alarms():
        raise DeployFailed(f"alarms sound before anything was done: {', '.join(sorted(alarms))}")


def prove(site: Watched, say: Callable[[str], object], pause: Callable[[], object], looks: int) -> None:
    """Send a picture through, then look at the alarms so often; raises DeployFailed."""
    say("sending a picture through")
    site.smoke()
    for _ in range(looks):
        pause()
        if alarms := site.alarms():
            raise DeployFailed(f"alarms: {', '.join(alarms)}")


@dataclass
class Rollout:
    """One deployment. `pause` waits between two looks at the alarms, of which there are `looks`; `say` tells each step."""

    site: Site
    say: Callable[[str], object]
    pause: Callable[[], object]
    looks: int = 10
    _touched: list[str] = field(default_factory=list)

    def run(self, wanted: Mapping[str, str]) -> Ending:
        """Have every service of `wanted` run its image; `wanted` also names the image of the migrations.

        Whatever goes wrong after the first service was told, also a signal that raises, leads back to what ran before.
        """
        before = self._checked(wanted)
        refuse_under_alarm(self.site)
        if all(before[name] == wanted[name] for name in ORDER if name in wanted):
            self.say("every service runs that already")
            return Ending.DEPLOYED
        self.say("migrating the database")
        self.site.migrate(wanted[DATABASE])
        try:
            self._forth(before, wanted)
        except BaseException as error:  # noqa: BLE001 - a signal in the middle must not leave two versions
            self.say(f"going back: {error or type(error).__name__}")
            return self._back(before)
        self.say("deployed")
        return Ending.DEPLOYED

    def _checked(self, wanted: Mapping[str, str]) -> Mapping[str, str]:
        before = self.site.running()
        if DATABASE not in wanted:
            raise DeployFailed(f"no image for {DATABASE}")
        if unknown := set(wanted) - {DATABASE} - set(ORDER):
            raise DeployFailed(f"no such service: {', '.join(sorted(unknown))}")
        if missing := [name for name in ORDER if name in wanted and name not in before]:
            raise DeployFailed(f"not running: {', '.join(missing)}")
        return before

    def _forth(self, before: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        for name in ORDER:
            if name in wanted and before[name] != wanted[name]:
                self.say(f"updating {name}")
                self._touched.append(name)
                self.site.update(name, wanted[name])
                self.site.await_steady([name])
        prove(self.site, self.say, self.pause, self.looks)

    def _back(self, before: Mapping[str, str]) -> Ending:
        failed = False
        for name in reversed(self._touched):
            try:
                self.site.update(name, before[name])
            except Exception as error:  # noqa: BLE001 - whatever it is, the others go back all the same
                self.say(f"{name} could not be taken back: {error!r}")
                failed = True
        try:
            self.site.await_steady(list(reversed(self._touched)))
            self.site.smoke()
        except Exception as error:  # noqa: BLE001 - as above
            self.say(f"what ran before does not run well either: {error!r}")
            failed = True
        self.say("somebody has to look" if failed else "rolled back")
        return Ending.STUCK if failed else Ending.ROLLED_BACK
