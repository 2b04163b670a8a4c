"""One stream of log lines out of the output of many processes."""

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, TextIO

from local.files import rotate

_LINE_BYTES: Final = 8 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_ROTATE_AFTER_BYTES: Final = 16 * 1024 * 1024
# A log may quote what a bin has sent: no escape sequence of it may reach the terminal.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


class LogStream:
    """Writes lines as `role | line` to a terminal, to a file, to both or to neither; from any thread.

    Output that cannot be written (a closed terminal, a full disk) is dropped: the roles must not stand still for it.
    """

    def __init__(self, terminal: TextIO | None, path: Path | None) -> None:
        """Append to `path`, which is renamed to `NAME.1` each time it has grown past 16 MiB."""
        self._lock = threading.Lock()
        self._terminal = terminal
        self._path = path
        self._file = None if path is None else _opened(path)
        self._written = 0

    def write(self, role: str, line: str) -> None:
        """Write one line; control characters in it are shown as U+FFFD."""
        shown = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", line)
        text = f"{role} | {shown}\n"
        with self._lock:
            _write(self._terminal, text)
            _write(self._file, text)
            self._written += len(text)
            if self._written > _ROTATE_AFTER_BYTES:
                self._reopen()

    def close(self) -> None:
        """Close the file; the terminal stays open. What is written later goes to the terminal only."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None

    def _reopen(self) -> None:
        self._written = 0
        if self._file is not None and self._path is not None:
            self._file.close()
            self._file = _opened(self._path)


def lines_of(pipe: IO[bytes]) -> Iterator[str]:
    """Yield the lines read from a pipe until its end; a line longer than 8 KiB comes in pieces of that size.

    Bytes that are not UTF-8 become U+FFFD, and no more than one chunk is ever held in memory.
    """
    rest = b""
    while chunk := pipe.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]  # a BufferedReader, as Popen makes it
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield from _pieces(line)
        while len(rest) > _LINE_BYTES:
            yield rest[:_LINE_BYTES].decode("utf-8", "replace")
            rest = rest[_LINE_BYTES:]
    if rest:
        yield from _pieces(rest)


def _pieces(line: bytes) -> Iterator[str]:
    line = line.removesuffix(b"\r")
    for start in range(0, max(len(line), 1), _LINE_BYTES):
        yield line[start : start + _LINE_BYTES].decode("utf-8", "replace")


def _opened(path: Path) -> TextIO:
    rotate(path)
    return path.open("a", encoding="utf-8", errors="replace", newline="\n")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:
        # ValueError: somebody has closed the stream.
        with suppress(OSError, ValueError):
            stream.write(text)
            stream.flush()
