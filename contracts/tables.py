"""Tables as lines of text. Pure."""

from collections.abc import Iterator, Sequence


def lines_of(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> Iterator[str]:
    """Yield each row's line, with columns as wide as their widest cell; with `numbers` all but the first stand at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if numbers and place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip() + "\n"
