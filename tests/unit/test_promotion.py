"""A promotion against a registry in memory: whatever fails after it takes that model back, and no other."""

import pytest

from infra.deploy.promotion import CommandRefused, Promotion
from infra.deploy.rollout import DeployFailed, Ending


class MemorySite:
    """A registry with a champion; `fails` names what fails once: promote, rollback or smoke."""

    def __init__(self, *fails, alarm_at_look=None, interrupted=False, overtaken_by=None):
        self.champions, self.fails, self.looked = ["old"], list(fails), 0
        self.alarm_at_look, self.interrupted, self.overtaken_by = alarm_at_look, interrupted, overtaken_by

    def run_command(self, service, arguments):
        assert service == "learning"
        _, command, *rest = arguments
        if command == "promote":
            if rest[0] == "unknown":
                raise CommandRefused("ended with 1")
            self.champions.append(rest[0])
            if self.interrupted:
                raise KeyboardInterrupt
        if command in self.fails:
            self.fails.remove(command)
            raise DeployFailed(f"{command}: not done in time")
        if command == "rollback":
            assert rest[0] == "--of"
            if self.champions[-1] != rest[1]:
                raise CommandRefused("ended with 1: it is not the champion")
            self.champions.pop()

    def smoke(self):
        if self.overtaken_by:
            self.champions.append(self.overtaken_by)
        if "smoke" in self.fails:
            self.fails.remove("smoke")
            raise DeployFailed("no outcome")

    def alarms(self):
        self.looked += 1
        return ["errors"] if self.looked == self.alarm_at_look else []


def promoted(site, version="new"):
    return Promotion(site, lambda _: None, lambda: None, looks=3).run(version)


def test_a_model_becomes_the_champion_when_a_picture_comes_through_and_no_alarm_sounds():
    site = MemorySite()
    assert promoted(site) is Ending.DEPLOYED
    assert site.champions == ["old", "new"]
    assert site.looked == 4


@pytest.mark.parametrize("site", [MemorySite("smoke"), MemorySite("promote"), *(MemorySite(alarm_at_look=n) for n in (2, 3, 4))])
def test_what_fails_after_it_takes_the_model_back(site):
    assert promoted(site) is Ending.ROLLED_BACK
    assert site.champions == ["old"]


def test_an_interruption_takes_it_back():
    site = MemorySite(interrupted=True)
    assert promoted(site) is Ending.ROLLED_BACK
    assert site.champions == ["old"]


def test_nothing_is_begun_while_an_alarm_sounds_or_for_a_model_that_may_not_be_it():
    with pytest.raises(DeployFailed, match="alarms sound"):
        promoted(MemorySite(alarm_at_look=1))
    site = MemorySite()
    with pytest.raises(CommandRefused):
        promoted(site, "unknown")
    assert site.champions == ["old"]


@pytest.mark.parametrize("site", [MemorySite("smoke", "rollback"), MemorySite("smoke", overtaken_by="another")])
def test_what_can_not_be_taken_back_or_is_anothers_by_now_is_for_somebody_to_look_at(site):
    before = list(site.champions)
    assert promoted(site) is Ending.STUCK
    assert site.champions[: len(before)] == before
    assert site.overtaken_by is None or "another" in site.champions


def test_an_answer_that_nobody_foresaw_on_the_way_back_is_for_somebody_to_look_at():
    site = MemorySite("smoke")

    def run_command(service, arguments, real=site.run_command):
        if arguments[1] == "rollback":
            raise KeyError("tasks")
        real(service, arguments)

    site.run_command = run_command
    assert promoted(site) is Ending.STUCK
