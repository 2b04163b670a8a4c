"""Plants a fault into every Python program that has this folder on its PYTHONPATH; PLANT names the fault.

The fault suite must find each of them: a suite that cannot fail shows nothing. The product knows nothing of it.
"""

import os
import signal


def acknowledge_before_commit():
    """Intake forgets a message before the ledger has its event."""
    from intake.drain import Drain

    bring_in = Drain._bring_in

    def hasty(self, batch):
        self._edge.ack([received.receipt for received in batch])
        bring_in(self, batch)

    Drain._bring_in = hasty


def no_primary_key():
    """Outcomes are written whoever wrote one before (the key itself is dropped by the test)."""
    from adapters import postgres_worker

    postgres_worker._RECORD = postgres_worker._RECORD.replace("ON CONFLICT (event_id) DO NOTHING", "")


def stock_transport():
    """Celery talks to Redis as it comes out of the box."""
    from adapters import celery_transport

    celery_transport.register = lambda: None


def killing_pictures():
    """A picture that ends with KILL ends the process that decodes it, as a fault in a decoder would."""
    from adapters import images

    decode = images.decode

    def fragile(data):
        if data.endswith(b"KILL"):
            os.kill(os.getpid(), signal.SIGSEGV)
        return decode(data)

    images.decode = fragile


if os.environ.get("PLANT"):
    globals()[os.environ["PLANT"]]()
