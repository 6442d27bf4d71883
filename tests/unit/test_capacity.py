"""The capacity model: sound in itself, true to what was measured, and docs/production.md shows what it says."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stack.processes import KINDS
from bench import capacity
from bench.capacity import KEPT, LEAST, Load, Measured, plan, read, table
from bench.chart import Line, chart

ROOT = Path(__file__).resolve().parents[2]
LATEST = ROOT / "bench" / "results" / "latest.json"
ROW = Measured(
    cores=2,
    rows=1000,
    created=500,
    seconds=1.0,
    idle={"kafka": 0.01, "web": 0.01},
    cpu_to_finished={"importer": 6.0, "postgres": 14.0},
    cpu={"importer": 6.0, "projector": 10.0, "postgres": 24.0},
    peak_mib={"importer": 100.0},
    topics={"import.segments.bulk": 100.0, "contacts.changed": 10.0, "imports": 1.0},
    schemas={"contacts": 200.0, "lookup": 300.0},
)


def test_cores_are_the_busiest_hours_rows_times_what_each_costs() -> None:
    load = Load(rows_a_day=14_400_000, busiest=0.25)
    assert load.rate == 1000
    assert plan(ROW, load).cores == pytest.approx(1000 * 40 / 1e6 / capacity.BUSY + 0.02)


def test_the_log_keeps_each_topic_for_its_own_time_and_what_is_compacted_not_at_all() -> None:
    made = plan(ROW, Load(rows_a_day=1e6, copies=3))
    assert made.log == pytest.approx((100 * 7 + 10 * 30) * 1e6 * 3 / capacity.BUSY)


def test_a_contact_takes_what_its_import_left_for_each_that_was_new() -> None:
    load = Load(rows_a_day=1e6, new=0.2, years=1)
    assert plan(ROW, load).database == pytest.approx(1e6 * 0.2 * 365 * (500 * 1000 / 500) * capacity.SLACK)


def test_there_is_never_less_than_what_runs_anyway() -> None:
    made = plan(ROW, Load(rows_a_day=1))
    assert made.processes == LEAST
    assert set(LEAST) == set(KINDS)
    assert made.partitions == 12


@given(st.floats(1, 1e10), st.floats(1.01, 100))
def test_more_rows_never_ask_for_less(rows: float, times: float) -> None:
    load = Load(rows_a_day=rows)
    small, big = plan(ROW, load), plan(ROW, replace(load, rows_a_day=rows * times))
    assert big.cores > small.cores
    assert big.memory >= small.memory
    assert big.log > small.log
    assert all(big.processes[kind] >= count for kind, count in small.processes.items())
    assert big.partitions >= big.processes["importer"]
    assert big.partitions % 12 == 0


def measurements() -> list[Path]:
    """The kept one, and what `make bench` wrote last here, if it measured imports."""
    found = [KEPT]
    if LATEST.exists() and any("capacity" in one["detail"] for one in json.loads(LATEST.read_text())["figures"]):
        found.append(LATEST)
    return found


@pytest.mark.parametrize("path", measurements(), ids=lambda path: path.name)
def test_no_measurement_is_faster_than_its_forecast(path: Path) -> None:
    measured = read(path)
    assert measured.rows / measured.seconds <= 1.1 * measured.foretold
    assert {"import.segments.bulk", "contacts.changed"} <= set(measured.topics)
    assert {"contacts", "lookup"} <= set(measured.schemas)
    assert {"importer", "projector", "postgres", "kafka"} <= set(measured.cpu)


def test_results_without_an_import_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"figures": [{"what": "x", "detail": {}}]}))
    with pytest.raises(KeyError, match="no measured import"):
        read(path)


def test_the_docs_show_the_table_and_the_picture_of_the_kept_measurement() -> None:
    assert table(read()) in (ROOT / "docs" / "production.md").read_text()
    assert capacity.CHART.read_text() == capacity.drawn(read())


def test_a_chart_is_well_formed_and_shows_every_line_where_it_belongs() -> None:
    drawn = ElementTree.fromstring(chart("A & B", "across", [1, 10], [Line("up", [1, 100]), Line("flat", [100, 100])]))
    lines = [one.get("points", "") for one in drawn.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(lines) == 2
    first, last = (float(point.partition(",")[2]) for point in lines[0].split())
    assert last < first, "up is up"
    texts = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"A & B", "across", "up", "flat"} <= set(texts)
