"""A whole stack as a child process, for browser tests, fault tests and benchmarks: started as a person would."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.stack import ports

START_SECONDS = 300
"""Three brokers need minutes where many others want the same two cores."""
STOP_SECONDS = 60


class DidNotStart(Exception):
    """The stack ended or was silent; the message holds what it printed last."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A running stack. `facts()` is its stack.json as it is now (processes restart, pids change), and `data_keys`."""

    data_dir: Path
    command: subprocess.Popen[bytes]

    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data_dir / "stack.json").read_text())
        # What is sealed in topics is opened with them: by those who hold the stack to what it was given.
        found["data_keys"] = json.loads((self.data_dir / "secrets.json").read_text())["data_keys"]
        return found

    def pid(self, name: str) -> int:
        """The pid of a process by its name (`importer.1`). Raises KeyError."""
        for process in self.facts()["processes"]:
            if process["name"] == name:
                return int(process["pid"])
        raise KeyError(name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.pid(name), number)


@contextmanager
def whole(data_dir: Path, **environment: str) -> Iterator[Whole]:
    """Runs `python -m app.stack run` on free ports while the body runs. Raises DidNotStart."""
    web, gateway = free_ports(2)
    output = data_dir.parent / f"{data_dir.name}.out"
    with output.open("wb") as log:
        command = subprocess.Popen(
            [sys.executable, "-m", "app.stack", "run"],
            cwd=Path(__file__).parents[2],
            env={
                **os.environ,
                "DATA_DIR": str(data_dir),
                "WEB_PORT": str(web),
                "GATEWAY_PORT": str(gateway),
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(command, data_dir / "stack.json", output)
        yield Whole(data_dir, command)
    finally:
        if command.poll() is None:
            command.terminate()
        command.wait(STOP_SECONDS)


def _wait(command: subprocess.Popen[bytes], facts: Path, output: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not facts.exists():
        if command.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart(output.read_text(errors="replace")[-4000:])
        time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on just now."""
    return list(ports.free(count))
