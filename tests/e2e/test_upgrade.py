"""The code of before and this code side by side on one schema: every migration leaves the code of before at work."""

import subprocess

import pytest

from tests.conftest import REPOSITORY, wait_for
from tests.faults.fleet import BreakableFleet
from tests.faults.load import Load
from tests.faults.oracle import Watch, audit
from tests.faults.stub_model import write_stub_model


def git(*arguments):
    return subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Unpack the code as it was before the newest migration came; returns its folder."""
    newest = max((REPOSITORY / "migrations" / "versions").glob("[0-9]*.py")).relative_to(REPOSITORY)
    try:
        commits = git("log", "--diff-filter=A", "--format=%H", "--", str(newest))
        # Not committed yet: what is committed is the code of before.
        commit = git("rev-parse", f"{commits[0]}^" if commits else "HEAD")[0]
    except subprocess.CalledProcessError:
        pytest.skip("the commit before the newest migration is not in this clone")
    folder = tmp_path_factory.mktemp("before")
    archive = subprocess.Popen(["git", "-C", str(REPOSITORY), "archive", commit], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(folder)], stdin=archive.stdout, check=True)
    assert archive.wait() == 0
    assert not (folder / newest).exists()
    return folder


class MixedFleet(BreakableFleet):
    """A fleet whose programs are of the code of before or of this one, each with a model that tells which it was."""

    def __init__(self, data_dir, before):
        super().__init__(data_dir, workers=2)
        self.before, self.old = before, {"migrate", *self.role_names()}
        path = self.data_dir / "before.onnx"
        self.old_model = {"MODEL_SHA256": write_stub_model(path, version="before"), "MODEL_PATH": str(path)}

    def role_folder(self, name):
        return self.before if name in self.old else None

    def role_environment(self, name):
        return super().role_environment(name) | (self.old_model if name in self.old and name.startswith("worker") else {})

    def exchange(self, *names):
        """Let programs end as a deployment does, and start them from the other code."""
        for name in names:
            self.supervisor.stop(name)
            self.old ^= {name}
            self.start_role(name)
        self.await_ready(*names)

    def deciders(self):
        return {version for (version,) in self.query("SELECT DISTINCT model_version FROM predictions")}


def shape(fleet):
    return fleet.query("SELECT version_num FROM alembic_version")[0][0]


@pytest.mark.timeout(300)
def test_an_upgrade_and_the_way_back_lose_nothing_and_hold_nothing_up(tmp_path, before):
    fleet = MixedFleet(tmp_path / "fleet", before)
    with fleet:
        load = Load(fleet)
        load.send(50)
        audit(fleet, load, lines=False)  # the code of before logs as it did
        assert fleet.deciders() == {"before"}
        old_shape = shape(fleet)
        with Watch(fleet) as watch:
            stream = load.stream(3000, 60)
            fleet.old.remove("migrate")
            fleet.migrate()
            assert shape(fleet) != old_shape
            # As a deployment does it: readers before writers, one after the other, and both codes at work in between.
            fleet.exchange("worker-1")
            wait_for(lambda: len(fleet.deciders()) == 2, 20, "both to decide")
            fleet.exchange("dlq-drain", "intake", "worker-2")
            # The deployment is taken back: the code of before on the new shape.
            fleet.exchange("worker-2", "intake", "dlq-drain", "worker-1")
            stream.join(120)
        assert not fleet.old ^ set(fleet.role_names())
        audit(fleet, load, lines=False)  # the code of before logs as it did
        assert watch.longest_s < 15
        assert fleet.supervisor.exits
        assert all(end.wanted for end in fleet.supervisor.exits)
