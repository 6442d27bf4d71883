"""Configuration: every gap at once, one clear line, exit 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import config

ROOT = Path(__file__).resolve().parents[2]
WORKER = {"PROCESS_NAME": "importer.1", "KAFKA_BOOTSTRAP": "here:9092", "LANE": "bulk"}


def test_a_value_is_read_by_the_name_of_its_field_and_the_rest_has_defaults() -> None:
    found = config.read(
        config.Importer, {**WORKER, "IMPORTER_DATABASE_URL": "postgresql://", "DATA_KEYS": "k", "HEALTH_PORT": "90"}
    )
    assert (found.process_name, found.health_port, found.site) == ("importer.1", 90, "local")


def test_an_empty_value_is_no_value() -> None:
    with pytest.raises(config.BadConfig, match="IMPORTER_DATABASE_URL is missing"):
        config.read(config.Importer, {**WORKER, "IMPORTER_DATABASE_URL": ""})


def test_every_gap_is_named_at_once() -> None:
    with pytest.raises(config.BadConfig) as error:
        config.read(config.Importer, {"HEALTH_PORT": "high"})
    for name in ("PROCESS_NAME", "KAFKA_BOOTSTRAP", "LANE", "IMPORTER_DATABASE_URL", "HEALTH_PORT"):
        assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_make_run_needs_no_setting_at_all() -> None:
    found = config.read(config.Stack, {})
    assert (found.importers, found.web_port, found.kafka_bootstrap) == (2, 8000, "")


@pytest.mark.parametrize("command", [["app.topics"], ["app.web"], ["app.gateway"], ["workers", "tracker"]])
def test_a_process_without_configuration_says_one_line_and_exits_with_2(command: list[str]) -> None:
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("addressbus: ")
    assert "KAFKA_BOOTSTRAP is missing" in done.stderr
    assert done.stderr.count("\n") == 1
