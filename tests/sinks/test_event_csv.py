"""Events as rows."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from poise.errors import PoiseError
from poise.sinks import EventCsvSink

EVENT = {"time": 1.5, "frame": 3, "id": 2, "event": "door.enter", "value": 1, "conf": 0.5}


def test_an_event_is_a_row_under_its_keys(tmp_path: Path) -> None:
    sink = EventCsvSink(tmp_path / "said.csv")
    sink.write_record(EVENT)
    sink.close()

    assert (tmp_path / "said.csv").read_text() == "time,frame,id,event,value,conf\n1.5,3,2,door.enter,1,0.5\n"


def test_rows_are_there_while_the_video_goes_on(tmp_path: Path) -> None:
    sink = EventCsvSink(tmp_path / "said.csv")
    sink.write_record(EVENT)

    assert len((tmp_path / "said.csv").read_text().splitlines()) == 2
    sink.close()


def test_nobody_is_an_empty_cell_and_commas_are_quoted(tmp_path: Path) -> None:
    sink = EventCsvSink(tmp_path / "said.csv")
    sink.write_record(EVENT | {"id": None, "value": 'a, "b"'})
    sink.close()

    (row,) = csv.DictReader((tmp_path / "said.csv").read_text().splitlines())
    assert (row["id"], row["value"]) == ("", 'a, "b"')


def test_a_file_that_exists_is_replaced_only_on_purpose(tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    path.write_text("mine")

    with pytest.raises(PoiseError, match=r"said\.csv"):
        EventCsvSink(path)
    EventCsvSink(path, overwrite=True).close()

    assert path.read_text().startswith("time,frame")


def test_closing_twice_is_no_error(tmp_path: Path) -> None:
    sink = EventCsvSink(tmp_path / "said.csv")

    sink.close()
    sink.close()
