"""Two data centres as a child process, started as a person would; what is in them, and ways to hurt them."""

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from app.stack import Refused, leftovers, ports, sites
from app.stack.supervision import ROOT

NAMES = sites.NAMES
START_SECONDS = 600
STOP_SECONDS = 180


class DidNotStart(Exception):
    """It ended or was silent; the message holds what it printed last."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sites while they run."""

    data_dir: Path

    def stack(self, site: str) -> dict[str, Any]:
        """stack.json of a site. Raises FileNotFoundError while it is away."""
        found: dict[str, Any] = json.loads((self.data_dir / site / "stack.json").read_text())
        return found

    def pid(self, name: str) -> int:
        """Of what runs a whole site (`east`) or of a MirrorMaker (`mirror.east`)."""
        return self._pid(json.loads((self.data_dir / sites.FILE).read_text())["processes"], name)

    def worker(self, site: str, name: str) -> int:
        """The pid of a process of a site by its name (`importer.1`)."""
        return self._pid(self.stack(site)["processes"], name)

    async def contents(self, site: str) -> tuple[int, str]:
        """How many contacts a site has, and a hash of all that they are: how often they were written is left out."""
        return await asyncio.to_thread(self._contents, site)

    @contextmanager
    def stopped(self, *pids: int) -> Iterator[None]:
        """These processes stand still while the body runs; one that it ended is gone."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @contextmanager
    def away(self, site: str) -> Iterator[None]:
        """A site is killed, all of it at once, and comes back after the body: its supervisor sleeps in between."""
        top = self.pid(site)
        guardian = psutil.Process(top).parent()
        assert guardian is not None
        with self.stopped(guardian.pid):
            for process in [psutil.Process(top), *leftovers.marked(self.data_dir / site)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            (self.data_dir / site / "stack.json").unlink()
            yield

    def _contents(self, site: str) -> tuple[int, str]:
        with psycopg.connect(self.stack(site)["postgres"]["admin"]) as connection:
            found = connection.execute(_CONTENTS).fetchone()
        assert found is not None
        return int(found[0]), str(found[1])

    @staticmethod
    def _pid(processes: list[dict[str, Any]], name: str) -> int:
        return next(int(process["pid"]) for process in processes if process["name"] == name)


_CONTENTS = """
select count(*), md5(string_agg(md5((to_jsonb(c) - 'version' - 'updated_at')::text), '' order by workspace, contact_id))
from contacts.contacts as c
"""


@contextmanager
def running(data_dir: Path, **environment: str) -> Iterator[Pair]:
    """Runs `python -m app.stack two-datacenters` while the body runs. Raises DidNotStart."""
    first, beyond = _web_ports()
    output = data_dir.parent / f"{data_dir.name}.out"
    own = {"DATA_DIR": str(data_dir), "WEB_PORT": str(first), "GATEWAY_PORT": str(first + 1), "PORT_RANGE": beyond}
    with output.open("wb") as log:
        command = subprocess.Popen(
            [sys.executable, "-m", "app.stack", "two-datacenters"],
            cwd=ROOT,
            env={**os.environ, **own, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (data_dir / sites.FILE).exists():
            if command.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(output.read_text(errors="replace")[-4000:])
            time.sleep(0.1)
        yield Pair(data_dir)
    finally:
        if command.poll() is None:
            command.terminate()
        command.wait(STOP_SECONDS)


def _web_ports() -> tuple[int, str]:
    """The first of the four ports that browsers use, and a range for all the others."""
    own, *others = ports.shares(4)
    lowest, highest = map(int, own.split("-"))
    last = others[-1].rpartition("-")[2]
    while True:
        first = random.randrange(lowest, highest - 12)
        with contextlib.suppress(Refused):
            for port in (first, first + 1, first + 10, first + 11):
                ports.check(port, "WEB_PORT")
            return first, f"{highest + 1}-{last}"
