"""Up to when rollups are counted, for people. Pure."""

from datetime import datetime

from dlq_review.web.formats import age

BEHIND_S = 300.0
"""The drain is a minute and a half behind by itself."""
_AHEAD_S = 5.0


def counted(through: datetime, now: datetime) -> dict[str, str]:
    """Return the figures that say so: `counted`, and `behind`, which is empty unless the drain does not keep up or runs ahead."""
    late_s = (now - through).total_seconds()
    behind = f"Nothing is counted since {through:%Y-%m-%d %H:%M} UTC, {age(late_s)} ago: does the drain run (waste dlq drain)?"
    ahead = (
        f"Counted up to {through:%Y-%m-%d %H:%M} UTC, {age(-late_s)} ahead of now: the database's clock was set back."
        " What is decided until then is in no figure, unless all is counted anew (docs/console.md)."
    )
    said = behind if late_s > BEHIND_S else ahead if late_s < -_AHEAD_S else ""
    return {"counted": f"{through:%H:%M:%S} UTC", "behind": said}
