"""CPU seconds and peak memory of every process of a stack, sampled while something is measured."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from app.stack.whole import Whole

SAMPLE_SECONDS = 1.0


@dataclass(slots=True)
class Use:
    """Of one process with all its children: CPU seconds spent, and resident memory in MiB, one sample a second."""

    cpu_seconds: float = 0.0
    peak_mib: float = 0.0
    first_mib: float = 0.0
    samples: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Usage:
    by_name: dict[str, Use] = field(default_factory=dict)

    def peak(self, prefix: str) -> float:
        """The greatest peak among these processes, in MiB."""
        return max((use.peak_mib for name, use in self.by_name.items() if name.startswith(prefix)), default=0.0)

    def cpu_by_kind(self) -> dict[str, float]:
        """CPU seconds of all processes of a kind (`importer.1` and `importer.2`) together."""
        found: dict[str, float] = {}
        for name, use in self.by_name.items():
            kind = name.partition(".")[0]
            found[kind] = found.get(kind, 0.0) + use.cpu_seconds
        return found

    def peak_by_kind(self) -> dict[str, float]:
        """The greatest peak of each kind, in MiB."""
        kinds = {name.partition(".")[0] for name in self.by_name}
        return {kind: round(self.peak(kind), 1) for kind in sorted(kinds)}


@contextmanager
def measured(stack: Whole) -> Iterator[Usage]:
    """Watches the stack's processes while the body runs; figures are complete when it has ended."""
    usage = Usage()
    processes = {one["name"]: psutil.Process(one["pid"]) for one in stack.facts()["processes"]}
    start = {name: _cpu(process) for name, process in processes.items()}
    stopped = threading.Event()

    def sample() -> None:
        while not stopped.is_set():
            for name, process in processes.items():
                use = usage.by_name.setdefault(name, Use())
                resident = _resident(process)
                use.first_mib = use.first_mib or resident
                use.peak_mib = max(use.peak_mib, resident)
                use.samples.append(resident)
            stopped.wait(SAMPLE_SECONDS)

    sampling = threading.Thread(target=sample, daemon=True)
    sampling.start()
    try:
        yield usage
    finally:
        stopped.set()
        sampling.join()
        for name, process in processes.items():
            usage.by_name.setdefault(name, Use()).cpu_seconds = _cpu(process) - start[name]


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu(process: psutil.Process) -> float:
    total = 0.0
    for member in _family(process):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _resident(process: psutil.Process) -> float:
    """Private memory of the family (PostgreSQL's workers share their buffers), in MiB."""
    total = 0
    for member in _family(process):
        try:
            info = member.memory_info()
        except psutil.NoSuchProcess:
            continue
        total += info.rss - getattr(info, "shared", 0) if member is not process else info.rss
    return total / 2**20
