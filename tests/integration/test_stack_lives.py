"""The embedded servers' lives: beside others, stopped, killed, started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.stack import leftovers, places
from tests.integration.conftest import Servers

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 90


@contextmanager
def tool(data_dir: Path) -> Iterator["subprocess.Popen[str]"]:
    """`python -m app.stack servers`, as a script would start it."""
    command = [sys.executable, "-m", "app.stack", "servers", "--data-dir", str(data_dir)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PARTITIONS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        if process.poll() is None:
            process.terminate()
            process.wait(WITHIN)


def addresses(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    found: dict[str, Any] = json.loads(line)
    return found


def eventually(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="addressbus-lives-"))
    yield path
    places.forget(path)
    shutil.rmtree(path, ignore_errors=True)


def test_what_was_written_survives_a_stop_and_a_kill_and_nothing_is_left_running(
    servers: Servers, data_dir: Path
) -> None:
    with tool(data_dir) as first:
        found = addresses(first)
        assert found["kafka"] != servers.kafka, "another stack runs beside this one"
        with psycopg.connect(found["postgres"]["admin"]) as connection:
            connection.execute("create table kept (what text)")
            connection.execute("insert into kept values ('this')")
        with tool(data_dir) as second:
            assert second.wait(WITHIN) == 1
            assert second.stderr is not None
            said = second.stderr.read()
        assert said.startswith(f"addressbus: Addressbus already runs in {data_dir} (process {first.pid})")
        assert said.count("\n") == 1
        assert first.stdin is not None
        first.stdin.close()
        assert first.wait(WITHIN) == 0
    assert list(leftovers.marked(data_dir)) == []

    with tool(data_dir) as third:
        found = addresses(third)
        with psycopg.connect(found["postgres"]["admin"]) as connection:
            assert connection.execute("select what from kept").fetchall() == [("this",)]
        marked = " ".join(process.name() for process in leftovers.marked(data_dir))
        assert all(server in marked for server in ("java", "postgres", "-server")), "each would be found as an orphan"
        third.send_signal(signal.SIGKILL)
        third.wait(WITHIN)
    eventually(lambda: list(leftovers.marked(data_dir)) == [])
