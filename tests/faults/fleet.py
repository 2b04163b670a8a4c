"""A fleet to break: two workers with a model that costs nothing, and faults planted where a test asks for it."""

import os
from pathlib import Path

import psycopg

from local.fleet import LocalFleet
from tests.conftest import wait_for
from tests.faults.stub_model import write_stub_model

PLANTS = Path(__file__).parent / "plants"


class BreakableFleet(LocalFleet):
    """Real services and real roles."""

    def __init__(self, data_dir, *, plant="", workers=2, **settings):
        super().__init__(data_dir, workers=workers, concurrency=4)
        self.overrides = {}
        self.settings = {name: str(value) for name, value in settings.items()}
        model = self.data_dir / "stub.onnx"
        self.settings.setdefault("QUEUE_LEASE_S", "5")
        self.settings |= {"MODEL_SHA256": write_stub_model(model), "MODEL_PATH": str(model)}
        if plant:
            self.settings |= {
                "PLANT": plant,
                "PYTHONPATH": os.pathsep.join([str(PLANTS), *os.environ.get("PYTHONPATH", "").split()]),
            }

    def _common(self):
        return super()._common() | self.settings

    def role_environment(self, name):
        return super().role_environment(name) | self.overrides.get(name, {})

    def query(self, text, *values):
        """Ask as the owner."""
        with psycopg.connect(self.stack.postgres.url("waste"), autocommit=True) as connection:
            cursor = connection.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []

    def workers(self):
        return [name for name in self.role_names() if name.startswith("worker")]

    def owner_of(self, name):
        """Return the id under which a worker claims."""
        rows = self.query("SELECT owner FROM workers WHERE pid = %s", self.supervisor.pid(name))
        return rows[0][0] if rows else None

    def restart(self, name):
        """Kill a role and start it anew."""
        self.supervisor.kill(name)
        self.start_role(name)

    def await_ready(self, *names, timeout_s=30):
        for name in names or self.role_names():
            wait_for(lambda name=name: not self.ready(name), timeout_s, f"{name} ready")
