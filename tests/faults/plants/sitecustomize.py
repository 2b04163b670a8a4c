"""Plants a fault into every Python program that has this folder on its PYTHONPATH; PLANT names the fault.

The fault suite must find each of them: a suite that cannot fail shows nothing. The product knows nothing of it.
"""

import os
import time


def acknowledge_before_commit():
    """Intake forgets a message before the ledger has its event."""
    from intake.drain import Drain

    enter = Drain._enter

    def hasty(self, batch):
        self._edge.ack([received.receipt for received in batch])
        time.sleep(0.2)
        return enter(self, batch)

    Drain._enter = hasty


def no_primary_key():
    """Outcomes are written whoever wrote one before (the key itself is dropped by the test)."""
    from adapters.postgres import worker as postgres_worker

    postgres_worker._RECORD = postgres_worker._RECORD.replace("ON CONFLICT (event_id) DO NOTHING", "")


def killing_pictures():
    """A picture that ends with KILL ends the process that decodes it, as a fault in a decoder would."""
    from adapters.pictures import pixels as images

    decode = images.decode

    def fragile(data):
        if data.endswith(b"KILL"):
            os.abort()
        return decode(data)

    images.decode = fragile


if os.environ.get("PLANT"):
    globals()[os.environ["PLANT"]]()
