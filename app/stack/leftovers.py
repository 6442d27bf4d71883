"""Processes that an earlier run of the same DATA_DIR left behind: found by a mark in their environment."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil

MARK = "ADDRESSBUS_STACK"
"""Every process of a stack has this variable, its value is DATA_DIR."""
_PATIENCE_SECONDS = 20


def end(data_dir: Path) -> int:
    """Ends what is left, gently first. Returns how many there were."""
    found = list(marked(data_dir))
    for process in found:
        # PostgreSQL waits for its clients after a TERM.
        _signal(process, signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(found, timeout=_PATIENCE_SECONDS)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=_PATIENCE_SECONDS)
    return len(found)


def marked(data_dir: Path) -> Iterator[psutil.Process]:
    """Every process of the stack in this DATA_DIR, the tool that started it excepted."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(data_dir.absolute()):
                yield process
        except psutil.Error:
            continue  # not ours to look into, or gone


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
