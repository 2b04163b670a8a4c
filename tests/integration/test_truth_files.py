"""Files of plants that are wrong in places: what is wrong is named by its line, and keeps no other row out."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from contracts.errors import RequestRefused
from learning.truth.files import read_rows

HEAD = "sensor_id,observed_at,category\n"
ROW = "bin-7,2026-11-20T12:00:00Z,glass\n"
MOMENT = 1_795_000_000


@pytest.fixture
def read(tmp_path):
    def read(name, content):
        path = tmp_path / name
        if isinstance(content, pa.Table):
            parquet.write_table(content, path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read_rows(path))

    return read


def table(moments, **more):
    count = len(moments)
    return pa.table({"sensor_id": ["bin-7"] * count, "observed_at": moments, "category": ["glass"] * count} | more)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"bin-7," + b"x" * 10_000_000 + b",glass\n", "is longer than 10000 letters"),
        (b"bin-7,2026-11-20T12:00:00Z,glass" + b" " * 10_000 + b",x\n", "is longer than 10000 letters"),
        (b"bin-\xe9,2026-11-20,glass\n", "is not UTF-8"),
        (b"bin-7,2026-11-20\n", "has 2 cells"),
    ],
)
def test_a_row_of_csv_that_cannot_be_read_keeps_no_other_out(read, wrong, said):
    found = read("a.csv", (HEAD + ROW * 3000).encode() + wrong + ROW.encode() * 2)
    (named,) = [(line, row) for line, row in found if isinstance(row, str)]
    assert named[0] == 3002
    assert said in named[1]
    assert len(found) == 3003


def test_a_quotation_mark_that_is_not_closed_says_what_it_swallows(read):
    assert read("a.csv", f'{HEAD}{ROW}"{ROW}{ROW}{ROW}')[1:] == [(3, "opens a quotation mark that swallows all until line 5")]


def test_a_quotation_mark_that_swallows_more_than_a_cell_may_have_is_named_where_it_opens(read):
    found = read("a.csv", HEAD + ROW + '"' + ROW * 20_000)
    assert (found[1][0], found[1][1][:50]) == (3, "opens a quotation mark that swallows all until lin")
    until = int(found[1][1].rpartition(" ")[2])
    assert [line for line, _ in found[2:]] == list(range(until + 1, 20_003))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux")
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_that_is_one_line_takes_no_gigabytes(tmp_path, name):
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(HEAD.encode() if name == "a.csv" else b"")
        file.write("\N{GRINNING FACE}".encode())
        for _ in range(200):
            file.write(b"x" * 2**20)
    found, megabytes = peak_of(path)
    assert found == 1
    assert megabytes < 300


def test_a_line_of_json_that_is_not_utf8_keeps_no_other_out(read):
    found = read("a.jsonl", b'{"sensor_id": "a"}\n{"sensor_id": "\xe9"}\n{"sensor_id": "b"}\n')
    assert [row for _, row in found] == [{"sensor_id": "a"}, "is not UTF-8", {"sensor_id": "b"}]


def test_moments_of_nanoseconds_as_pandas_writes_them_are_read(read):
    ((_, row),) = read("a.parquet", table(pa.array([MOMENT * 10**9 + 1], pa.timestamp("ns", "UTC"))))
    assert row["observed_at"].timestamp() == MOMENT


@pytest.mark.parametrize(
    "column",
    [
        {"observed_at": pa.array([MOMENT, -62_200_000_000], pa.timestamp("s", "UTC"))},
        {"reference": pa.array([1000, 1], pa.time64("ns"))},
        {"reference": pa.array([1, 2**62], pa.duration("s"))},
        {"reference": pa.array(["1", "x" * 10_001])},
        {"reference": pa.array([b"1", b"\xff"]).view(pa.string())},
    ],
)
def test_a_value_of_parquet_that_python_cannot_hold_costs_its_own_row_alone(read, column):
    columns = {"sensor_id": ["bin-7"] * 2, "observed_at": ["2026-11-20"] * 2, "category": ["glass"] * 2} | column
    good, bad = read("a.parquet", pa.table(columns))
    assert isinstance(good[1], dict)
    assert isinstance(bad[1], str)


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.map_(pa.string(), pa.int32()), pa.struct([("a", pa.int8())])])
def test_a_column_that_no_label_has_is_named(read, kind):
    with pytest.raises(RequestRefused, match="has a column reference of the type"):
        read("a.parquet", table(pa.array([MOMENT], pa.timestamp("s", "UTC")), reference=pa.array([None], kind)))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux")
def test_a_kilobyte_that_says_the_same_megabytes_a_thousand_times_takes_no_gigabytes(tmp_path):
    path = tmp_path / "bomb.parquet"
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), ["x" * 2_000_000])
    bomb = table(pa.array([MOMENT] * 1000, pa.timestamp("s", "UTC"))).set_column(0, "sensor_id", repeated)
    parquet.write_table(bomb, path, compression="zstd")
    assert path.stat().st_size < 10_000
    found, megabytes = peak_of(path)
    assert found == 1000
    assert megabytes < 400


def peak_of(path):
    """Return how many rows a process of its own reads of a file, all of them refused, and how many MB it takes at most."""
    script = """
import re, sys
from pathlib import Path
from learning.truth.files import read_rows
found = list(read_rows(Path(sys.argv[1])))
assert all(isinstance(row, str) for _, row in found)
# Not of getrusage, which also counts what the process had from which this one was forked.
most = re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1]
print(len(found), int(most) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    return tuple(map(int, done.stdout.split()))
