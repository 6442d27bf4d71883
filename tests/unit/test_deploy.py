"""Dashboard, alerts and the operators' page speak of metrics that exist, with labels that they have, where they say."""

import functools
import importlib
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OPERATING = (ROOT / "docs" / "operating.md").read_text()
_METRIC = re.compile(r"\b(addressbus_\w+?)(?:_total|_bucket|_count|_sum)?\b(?:\{([^}]*)\})?")
_BY = re.compile(r"by \(([^)]*)\)")


def families() -> dict[str, set[str]]:
    """The name of each metric that the code has, without its suffix -> its labels."""
    for path in (path for folder in ("app", "workers") for path in (ROOT / folder).rglob("*.py")):
        if "from prometheus_client import" in path.read_text():
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found: dict[str, set[str]] = {}
    for collector in set(REGISTRY._collector_to_names):
        name, labels = getattr(collector, "_name", ""), getattr(collector, "_labelnames", ())
        if name.startswith("addressbus_"):
            found[name] = set(labels)
    return found


MAINS = {
    "web": "app.web.__main__",
    "gateway": "app.gateway.__main__",
    "importer": "workers.importer.main",
    "tracker": "workers.tracker.main",
    "projector": "workers.projector.main",
    "fetcher": "workers.fetcher.main",
}


@functools.cache
def answered(process: str) -> frozenset[str]:
    """The metrics that this process has at /metrics, before anything has happened."""
    code = f"import {MAINS[process]}; from prometheus_client import generate_latest; print(generate_latest().decode())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    found = re.findall(r"^# TYPE (addressbus_\w+) (\w+)$", done.stdout, re.MULTILINE)
    return frozenset(name for name, kind in found if not (kind == "gauge" and name.endswith("_created")))


def told() -> list[tuple[list[str], list[str]]]:
    """Of each line of the operators' table the metrics (with `*` for the rest of a name), and whose they are."""
    lines = re.findall(r"^\| (`addressbus_.*?) \| (.*?) \| .* \|$", OPERATING, re.MULTILINE)
    return [(re.findall(r"`(addressbus_[\w*]+)`", names), whose.split(", ")) for names, whose in lines]


def dashboard() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    return made


def expressions() -> list[str]:
    asked = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]
    return asked + re.findall(r"expr: (.*)", (DEPLOY / "alerts.yml").read_text())


@pytest.mark.parametrize("expression", expressions())
def test_what_is_asked_for_exists_with_the_labels_it_is_asked_by(expression: str) -> None:
    known = families()
    asked = _METRIC.findall(expression)
    assert asked
    labels: set[str] = set()
    for name, matchers in asked:
        assert name in known, name
        labels |= known[name]
        for matcher in filter(None, matchers.split(",")):
            assert re.split(r"=|!", matcher)[0].strip() in known[name]
    for said in _BY.findall(expression):
        assert {label.strip() for label in said.split(",")} <= labels | {"le"}


@pytest.mark.parametrize(("names", "processes"), told())
def test_a_process_answers_the_metrics_that_operators_are_told_of(names: list[str], processes: list[str]) -> None:
    for process in processes:
        for name in names:
            assert any(fnmatch(found, name) for found in answered(process)), f"{process} has no {name}"


@pytest.mark.parametrize("process", MAINS)
def test_operators_are_told_of_every_metric(process: str) -> None:
    known = [name for names, _ in told() for name in names]
    for found in answered(process):
        assert any(fnmatch(found, name) for name in known), found


def test_the_dashboard_shows_what_an_operator_asks_first() -> None:
    asked = " ".join(expressions())
    for name in (
        *("addressbus_lag_records", "addressbus_lag_oldest_seconds", "addressbus_segments_total"),
        *("addressbus_rows_total", "addressbus_retries_total", "addressbus_dead_total", "addressbus_rebalance_seconds"),
        *("addressbus_segment_seconds", "addressbus_gateway_delay_seconds", "addressbus_database_seconds"),
    ):
        assert name in asked, name


def test_panels_have_ids_and_places_of_their_own() -> None:
    panels = dashboard()["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len({panel["id"] for panel in panels}) == len(set(places)) == len(panels)


def test_every_alert_leads_to_a_section_that_says_what_to_do() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in OPERATING.splitlines()
        if line.startswith("#")
    }
    rules = (DEPLOY / "alerts.yml").read_text()
    anchors = re.findall(r'what_to_do: "docs/operating.md#([a-z0-9-]+)"', rules)
    assert len(anchors) == rules.count("- alert:")
    assert set(anchors) <= headings
