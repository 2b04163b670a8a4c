"""The hint of a queue beside which nothing can be kept: who wants to know it counts the messages himself."""

from contracts.ports import MessageQueue
from contracts.pressure import Hint, Marks, QueueState, judge


class JudgedHints:
    """Implements `contracts.pressure.Hints`; SQS tells every sender how many messages it holds, about."""

    def __init__(self, queue: MessageQueue, marks: Marks) -> None:
        """Judge `queue` by `marks`."""
        self._queue, self._marks = queue, marks

    def post(self, hint: Hint) -> None:
        """Keep nothing: `read` judges anew."""

    def read(self) -> Hint:
        """Return the hint in force."""
        return judge(QueueState(self._queue.depth().total), self._marks)
