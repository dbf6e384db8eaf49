"""The journal: what was written comes back, whatever happens to the end of the file."""

from __future__ import annotations

import errno
import math
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.errors import StorageFull
from mlwright.tracking import journal as journals
from mlwright.tracking.journal import Journal
from mlwright.tracking.records import Opened, Params, Points, Record, Tags

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPENED = Opened(journal_id="j" * 26, run_id="r" * 26, at=NOW)
RECORDS: st.SearchStrategy[Record] = (
    st.builds(
        Points,
        values=st.dictionaries(
            st.text(max_size=5), st.tuples(st.integers(0, 9), st.floats(allow_nan=False)), max_size=3
        ),
        at=st.just(NOW),
    )
    | st.builds(Params, values=st.dictionaries(st.text(max_size=5), st.integers(-9, 9), max_size=3))
    | st.builds(Tags, values=st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3))
)


def written(path: Path, records: list[Record]) -> list[int]:
    """Write a journal; return where each record ends."""
    journal = Journal(path, OPENED)
    ends = [path.stat().st_size]
    for record in records:
        journal.append(record)
        ends.append(path.stat().st_size)
    journal.close()
    return ends


@given(st.lists(RECORDS, max_size=5), st.data())
def test_of_a_journal_cut_anywhere_exactly_the_whole_records_come_back(
    records: list[Record], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        ends = written(path, records)
        assert [frame.record for frame in journals.read(path)] == [OPENED, *records]
        cut = data.draw(st.integers(0, ends[-1]))
        os.truncate(path, cut)
        whole = sum(end <= cut for end in ends)
        frames = list(journals.read(path))
        assert [frame.record for frame in frames] == [OPENED, *records][:whole]
        assert [frame.end for frame in frames] == ends[:whole]
        assert journals.header(path) == (OPENED if whole else None)


@given(st.lists(RECORDS, min_size=1, max_size=4), st.data())
def test_a_flipped_byte_ends_the_journal_before_its_record(records: list[Record], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        ends = written(path, records)
        place = data.draw(st.integers(ends[0], ends[-1] - 1))
        content = bytearray(path.read_bytes())
        content[place] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        sound = sum(end <= place for end in ends)
        assert [frame.record for frame in journals.read(path)][:sound] == [OPENED, *records][:sound]
        assert len(list(journals.read(path))) == sound


@given(st.lists(RECORDS, max_size=5), st.data())
def test_reading_goes_on_where_it_stopped(records: list[Record], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        ends = written(path, records)
        start = data.draw(st.sampled_from(ends))
        rest = [frame.record for frame in journals.read(path, start=start)]
        assert rest == records[ends.index(start) :]


def test_threads_write_whole_records(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", OPENED)

    def write(number: int) -> None:
        for place in range(200):
            journal.append(Params(values={str(number): place}))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(journals.read(tmp_path / "journal"))) == 801


def test_a_full_disk_is_named_and_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "journal", OPENED)
    journal.append(Params(values={"a": 1}))
    real = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) > 20:
            return real(file, data[:20])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull, match="no room to grow"):
        journal.append(Params(values={"b": "long enough"}))
    monkeypatch.setattr(os, "write", real)
    journal.append(Params(values={"c": 3}))
    assert [frame.record for frame in journals.read(journal.path)][1:] == [
        Params(values={"a": 1}),
        Params(values={"c": 3}),
    ]


def test_numbers_that_json_does_not_know_come_back(tmp_path: Path) -> None:
    values = {"nan": (0, math.nan), "inf": (1, math.inf), "low": (2, -math.inf)}
    written(tmp_path / "journal", [Points(values=values, at=NOW)])
    (_, frame) = journals.read(tmp_path / "journal")
    assert isinstance(frame.record, Points)
    assert math.isnan(frame.record.values["nan"][1])
    assert frame.record.values["inf"] == (1, math.inf)
