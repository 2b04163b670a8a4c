"""A model made champion as a deployment of its own, and taken back when a picture or the alarms say so.

The images stay as they are. In force within five seconds in every worker, so a picture is sent and the alarms are watched at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.deploy.rollout import DeployFailed, Ending, Watched, prove, refuse_under_alarm

BY_DEPLOYMENT = "by deployment"


class CommandRefused(DeployFailed):
    """A command ended by itself and said no."""


class ModelSite(Watched, Protocol):
    """Where models are promoted. Each method raises DeployFailed."""

    def run_command(self, service: str, arguments: Sequence[str]) -> None:
        """Run `waste` with these arguments once, in a service's image and with its rights; returns when it ended with 0.

        Raises CommandRefused when it said no: then it has done nothing. One that was killed may have done it.
        """


@dataclass
class Promotion:
    """One promotion. `pause` waits between two looks at the alarms, of which there are `looks`; `say` tells each step."""

    site: ModelSite
    say: Callable[[str], object]
    pause: Callable[[], object]
    looks: int = 10

    def run(self, version: str) -> Ending:
        """Make a model of the registry the champion; raises DeployFailed where nothing was begun."""
        refuse_under_alarm(self.site)
        self.say(f"promoting {version}")
        try:
            self.site.run_command("learning", ("model", "promote", version, "--because", BY_DEPLOYMENT))
            prove(self.site, self.say, self.pause, self.looks)
        except CommandRefused:
            raise
        except BaseException as error:  # noqa: BLE001 - a signal in the middle must not leave a model that nobody watches
            self.say(f"going back: {error or type(error).__name__}")
            return self._back(version)
        self.say("promoted")
        return Ending.DEPLOYED

    def _back(self, version: str) -> Ending:
        failed = False
        try:
            # Only that one: where the promotion was refused, or somebody has moved on, nobody else's champion is taken back.
            self.site.run_command("learning", ("model", "rollback", "--of", version, "--because", BY_DEPLOYMENT))
        except Exception as error:  # noqa: BLE001 - whatever it is, it has to be said and the picture sent
            self.say(f"nothing was taken back: {error!r}")
            failed = True
        try:
            self.site.smoke()
        except Exception as error:  # noqa: BLE001 - as above
            self.say(f"what ran before does not run well either: {error!r}")
            failed = True
        self.say("somebody has to look" if failed else "rolled back")
        return Ending.STUCK if failed else Ending.ROLLED_BACK
