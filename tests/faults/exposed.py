"""A whole stack whose three servers stand behind proxies, so that anything of it can be killed, frozen, cut or filled.

The servers run under a supervisor of their own, the stack uses them as somebody else's (KAFKA_BOOTSTRAP and the like).
Kafka tells its clients the proxy's address, so that nobody finds a way around it.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from configparser import RawConfigParser
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from xmlrpc.client import Fault, ServerProxy

import httpx
import psutil
from supervisor.xmlrpc import SupervisorTransport

from app.stack import keys, leftovers, places, ports, ready, servers
from app.stack.servers import Server
from app.stack.supervision import Group, Supervision
from app.stack.whole import Whole, whole
from tests.faults.proxy import Proxy

SERVERS = ("kafka", "postgres", "valkey")
READY_SECONDS = 90
_PORTS = 10
"""Kafka's three, PostgreSQL's, Valkey's, a proxy's for each, web's and the gateway's."""
_DISKS = {"kafka": "1500m", "postgres": "1500m"}


class NotReady(Exception):
    """Something did not come back in time; the message names it."""


class Exposed:
    """The running stack and all handles to break it by. Names are those of stack.json, and SERVERS."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.home = places.settle(folder / "servers")
        self.small_disks = False
        self.proxies: dict[str, Proxy] = {}
        self._environment = environment
        self._stack_folder = folder / "stack"
        self._servers = ExitStack()
        self._processes = ExitStack()
        self._supervision: Supervision | None = None
        self._stack: Whole | None = None
        self._made: dict[str, Server] = {}

    @property
    def stack(self) -> Whole:
        assert self._stack is not None, "it was not started"
        return self._stack

    def facts(self) -> dict[str, Any]:
        """stack.json as it is now."""
        return self.stack.facts()

    # Lives

    async def start(self) -> None:
        """Prepares and starts everything. Raises app.stack.Refused, DidNotStart."""
        free = ports.free(_PORTS)
        await asyncio.to_thread(self._make, free)
        kafka_for_clients = next(free)
        for name, server in self._made.items():
            behind = kafka_for_clients if name == "kafka" else server.port
            self.proxies[name] = Proxy(next(free), behind)
            await self.proxies[name].up()
        _advertise(Path(self._made["kafka"].program.argv[-1]), kafka_for_clients, self.proxies["kafka"].port)
        self._environment |= {
            "WEB_PORT": str(next(free)),
            "GATEWAY_PORT": str(next(free)),
            "KAFKA_BOOTSTRAP": f"127.0.0.1:{self.proxies['kafka'].port}",
            "DATABASE_URL": self._through("postgres"),
            "REDIS_URL": self._through("valkey"),
        }
        await self._run()

    def _make(self, free: Iterator[int]) -> None:
        secrets = keys.load(self.home.secrets)
        self._made = {
            "kafka": servers.make_kafka(self.home, secrets, next(free), next(free)),
            "postgres": servers.make_postgres(self.home, secrets, next(free)),
            "valkey": servers.make_valkey(self.home, secrets, next(free)),
        }

    async def _run(self) -> None:
        await asyncio.to_thread(self._run_servers)
        self._stack = await asyncio.to_thread(
            self._processes.enter_context, whole(self._stack_folder, **self._environment)
        )

    def _run_servers(self) -> None:
        def changed(name: str, state: str) -> None:
            """The supervisor restarts by itself; what it has given up, `whole_again` starts."""

        groups = [Group(name, (server.program,)) for name, server in self._made.items()]
        supervision = self._servers.enter_context(Supervision(self.home, groups, changed))
        for group in groups:
            supervision.start(group.name)
        self._supervision = supervision
        ready.postgres("PostgreSQL", self._made["postgres"].url, lambda: None)
        ready.valkey("Valkey", self._made["valkey"].url, lambda: None)

    def _through(self, name: str) -> str:
        """The server's URL, but with its proxy's port."""
        parts = urlsplit(self._made[name].url)
        host, _, _ = parts.netloc.rpartition(":")
        return urlunsplit(parts._replace(netloc=f"{host}:{self.proxies[name].port}"))

    async def stop(self) -> None:
        await asyncio.to_thread(self._processes.close)
        for proxy in self.proxies.values():
            await proxy.stop()
        await asyncio.to_thread(self._servers.close)

    async def power_cut(self) -> None:
        """kill -9 of every process and server at once, then a start of all of it, on the same ports and disks."""
        self.stack.command.kill()
        await asyncio.to_thread(self._kill_all)
        await asyncio.to_thread(self._processes.close)
        await asyncio.to_thread(self._servers.close)
        (self._stack_folder / "stack.json").unlink(missing_ok=True)  # else the start looks done before it is
        await self._run()

    def _kill_all(self) -> None:
        """Supervisors first; what they started in their last moment is found when we look again."""
        deadline = time.monotonic() + READY_SECONDS
        while found := [process for home in (self.home.path, self._stack_folder) for process in leftovers.marked(home)]:
            if time.monotonic() > deadline:
                raise NotReady(f"these do not die: {found}")
            for process in sorted(found, key=_is_supervisor, reverse=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    # Who is where

    def pid(self, name: str) -> int:
        """Of a process or a server; 0 while it is not running. Raises KeyError."""
        if name in SERVERS:
            assert self._supervision is not None
            return next(seen.pid for seen in self._supervision.processes() if seen.name == name)
        return self.stack.pid(name)

    def signal(self, name: str, number: signal.Signals) -> None:
        """To the process and, where PostgreSQL is stopped or continued, to each of its sessions."""
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            pid = self.pid(name)
            if not pid:
                return
            family = [psutil.Process(pid)]
            if number != signal.SIGKILL:
                family += family[0].children(recursive=True)
            for process in family:
                process.send_signal(number)

    def calls_from(self, name: str, port: int) -> bool:
        """Whether a connection from this local port is one of that process (as the kernel knows it)."""
        try:
            connections = psutil.Process(self.pid(name)).net_connections("tcp4")
        except (psutil.Error, KeyError, ValueError):
            return False
        return any(connection.laddr.port == port for connection in connections)

    def names(self) -> list[str]:
        """Every process of ours that is meant to run."""
        return [process["name"] for process in self.facts()["processes"]]

    # Orders to the stack's supervisor

    async def order(self, verb: str, name: str) -> None:
        """`stop` or `start` of one process of ours, waited for. What is so already stays so."""
        await asyncio.to_thread(_order, self._stack_folder, verb, name)

    # Disks

    def fill(self, name: str) -> Path:
        """Fills the small disk of a server to its last byte; deleting the answer heals it."""
        folder = self.home.servers / name
        filler = folder / "filler"
        with filler.open("wb") as file:
            block = b"\0" * 1_048_576
            with contextlib.suppress(OSError):
                while True:
                    file.write(block)
                    file.flush()
            with contextlib.suppress(OSError):
                while True:
                    os.write(file.fileno(), b"\0")
        return filler

    # Being whole

    async def whole_again(self, within: float = READY_SECONDS) -> None:
        """Returns once all servers answer and every process of ours says that it is ready. Raises NotReady."""
        deadline = time.monotonic() + within
        async with httpx.AsyncClient(timeout=3) as http:
            while trouble := await self._trouble(http):
                if time.monotonic() > deadline:
                    raise NotReady(f"after {within:.0f} s: {trouble}")
                await asyncio.sleep(0.2)

    async def _trouble(self, http: httpx.AsyncClient) -> str:
        assert self._supervision is not None
        for seen in self._supervision.processes():
            if seen.state == "FATAL":
                await asyncio.to_thread(_order, self.home.path, "start", seen.name)
            if seen.state != "RUNNING":
                return f"{seen.name} is {seen.state}"
        for name, proxy in self.proxies.items():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", proxy.server)
                writer.close()
            except OSError:
                return f"{name} does not listen"
        for process in self.facts()["processes"]:
            try:
                answer = await http.get(f"http://127.0.0.1:{process['port']}/readyz")
            except httpx.HTTPError:
                return f"{process['name']} does not answer"
            if answer.status_code != 200:
                return f"{process['name']} says: {answer.text}"
        return ""


def _order(folder: Path, verb: str, name: str) -> None:
    """By the supervisor of this DATA_DIR."""
    settings = RawConfigParser()
    settings.read(folder / "run" / "supervisord.conf")
    group = next(
        section.removeprefix("group:")
        for section in settings.sections()
        if section.startswith("group:") and name in settings[section]["programs"].split(",")
    )
    transport = SupervisorTransport(None, None, f"unix://{settings['unix_http_server']['file']}")
    with ServerProxy("http://localhost", transport=transport) as remote, contextlib.suppress(Fault):
        getattr(remote.supervisor, f"{verb}Process")(f"{group}:{name}", True)


def _is_supervisor(process: psutil.Process) -> bool:
    try:
        return any("supervisord" in word for word in process.cmdline())
    except psutil.Error:
        return False


def _advertise(settings: Path, port: int, proxy: int) -> None:
    """A second listener for clients, whose address is the proxy's; the broker speaks to itself by the first."""
    lines = dict(line.split("=", 1) for line in settings.read_text().splitlines())
    lines["listeners"] += f",CLIENT://127.0.0.1:{port}"
    lines["advertised.listeners"] += f",CLIENT://127.0.0.1:{proxy}"
    lines["listener.security.protocol.map"] += ",CLIENT:PLAINTEXT"
    settings.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


@contextmanager
def _small_disks(servers: Path) -> Iterator[bool]:
    """tmpfs below the servers' folders, where we may mount one; answers whether we could."""
    mounted: list[Path] = []
    try:
        for name, size in _DISKS.items():
            place = servers / name
            place.mkdir(mode=0o700, exist_ok=True)
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(place)],
                capture_output=True,
                check=False,
            )
            if done.returncode == 0:
                mounted.append(place)
        yield len(mounted) == len(_DISKS)
    finally:
        for place in mounted:
            subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


@asynccontextmanager
async def exposed(*, small_disks: bool = False, **environment: str) -> AsyncIterator[Exposed]:
    """A stack that can be broken, while the body runs; when that fails, its folder with all logs stays.

    `small_disks`: Kafka and PostgreSQL on disks that can be filled, where we may make such; `Exposed.small_disks`.
    """
    folder = Path(tempfile.mkdtemp(prefix="addressbus-exposed-"))
    os.chmod(folder, 0o755)  # the servers are somebody else
    made = Exposed(folder, {"REQUESTS_PER_MINUTE": "100000", "PREVIEWS_PER_MINUTE": "10000", **environment})
    with ExitStack() as disks:
        if small_disks and os.geteuid() == 0:
            made.small_disks = disks.enter_context(_small_disks(made.home.servers))
        try:
            await made.start()
            yield made
        except BaseException:
            print(f"what was broken lies in {folder}", flush=True)
            raise
        finally:
            await made.stop()
    places.forget(folder / "stack")
    places.forget(folder / "servers")
    shutil.rmtree(folder, ignore_errors=True)
