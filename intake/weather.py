"""How full the fleet is, looked at from time to time and told to all who send."""

from collections.abc import Callable

from contracts.ports import Clock, MessageQueue
from contracts.pressure import Hint, Marks, QueueState, judge

Tell = Callable[[Hint], None]


class Weather:
    """The hint in force. `look` is for a thread of its own; `hint` may be read by anybody."""

    def __init__(self, edge: MessageQueue, marks: Marks, clock: Clock, tell: Tell) -> None:
        """Judge `edge` by `marks`, and `tell` each judgement to those who write to the queue directly."""
        self._edge, self._marks, self._clock, self._tell = edge, marks, clock, tell
        self.hint = Hint()

    def look(self) -> None:
        """Look at the queue; raises QueueUnavailable, and then the hint stays as it was."""
        age_s = self._edge.oldest_age_s(self._clock())
        self.hint = judge(QueueState(self._edge.depth().total, age_s, self._edge.memory_share()), self._marks)
        self._tell(self.hint)
