"""The machine's own AWS keys."""

import threading
from types import SimpleNamespace

from adapters.object_store import RenewedKeys
from adapters.s3.sigv4 import AwsKeys
from tests.conftest import wait_for


def frozen(number):
    return SimpleNamespace(access_key=f"AK{number}", secret_key="s", token="t")


def test_keys_are_renewed_and_nobody_waits_for_it():
    calls, gate = [], threading.Event()

    def ask():
        calls.append(len(calls))
        if calls[-1] == 1:
            raise OSError("no route to the metadata")
        if calls[-1] == 2:
            gate.wait(5)
        return frozen(calls[-1])

    keys = RenewedKeys(ask, every_s=0.01)
    wait_for(lambda: len(calls) == 3)
    assert keys() == AwsKeys("AK0", "s", "t")
    gate.set()
    wait_for(lambda: keys() != AwsKeys("AK0", "s", "t"))
