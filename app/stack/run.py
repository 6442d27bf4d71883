"""`make run`: everything on this machine, from nothing to a sign-in link, until Ctrl-C."""

import contextlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import psutil

from app import config
from app.core.rights import OPERATOR
from app.scaling import KINDS as SCALABLE
from app.stack import Refused, brokers, embedded, keys, leftovers, links, places, ports, processes, ready, simulated
from app.stack.embedded import Addresses, Servers
from app.stack.keys import Secrets, write_private
from app.stack.places import Home
from app.stack.processes import Process
from app.stack.record import Line, Record, Stack
from app.stack.scaling import Scaling
from app.stack.servers import Server
from app.stack.simulated import Simulated
from app.stack.supervision import Died, Group, Supervision, environment
from app.stack.terminal import say, step

_READY_SECONDS = 90
_GIVEN_UP_PAUSE = 30
_MEMORY, _DISK = 1_800_000_000, 1_000_000_000  # bytes; a machine of 2 GB shows a little less


def run(settings: config.Stack) -> None:
    """Runs until an exception ends it, e.g. a signal's. Raises Refused."""
    home = places.settle(Path(settings.data_dir))
    with places.locked(home):
        if count := leftovers.end(home.path):
            say(f"  ✓ {count} processes of an earlier run were still there; ended")
        _check_machine(home)
        ports.check(settings.web_port, "WEB_PORT")
        ports.check(settings.gateway_port, "GATEWAY_PORT")
        if settings.kafka_port:
            ports.check(settings.kafka_port, "KAFKA_PORT", ports.LOOPBACK)
        secrets = keys.load(home.secrets)
        while True:
            try:
                _Session(settings, home, secrets).run()
            except Died:
                say("  ! the supervisor was killed; everything starts again")


def _check_machine(home: Home) -> None:
    memory, disk = psutil.virtual_memory().total, psutil.disk_usage(str(home.servers)).free
    if memory < _MEMORY:
        raise Refused(f"2 GB of memory are needed, this machine has {memory / 1e9:.1f} GB")
    if disk < _DISK:
        raise Refused(
            f"less than 1 GB of disk is free below {home.servers}; make room, or choose another place, e.g."
            " make run DATA_DIR=/mnt/addressbus"
        )


def _connects(servers: Servers, name: str) -> Mapping[str, str]:
    """How a process shows our Kafka who it is; to somebody else's each connects as the environment says."""
    return servers.kafka.settings(name) if servers.kafka else {}


def web_environment(data_dir: Path) -> dict[str, str]:
    """The settings of the web process of a stack that runs. Raises Refused."""
    path = data_dir / "run" / "web.json"
    try:
        found: dict[str, str] = json.loads(path.read_bytes())
    except OSError as error:
        raise Refused(f"nothing runs in {data_dir}; start it first: make run") from error
    return found


class _Session:
    """One life of the supervisor and of all that it runs."""

    def __init__(self, settings: config.Stack, home: Home, secrets: Secrets) -> None:
        self._settings = settings
        self._home = home
        self._secrets = secrets
        self._simulates = simulated.wanted(settings)
        self._nodes = 0 if settings.kafka_bootstrap else settings.brokers
        self._record = Record(home.path / "stack.json")
        self._web_file = home.run / "web.json"
        self._ports: dict[str, int] = {}
        # Set while all is up; before, whoever waits for a process tells of it, and afterwards its end is wanted.
        self._serving: Supervision | None = None
        self._links_done = threading.Event()

    def run(self) -> None:
        """Starts everything and stays. Raises Died, Refused."""
        with Scaling() as scaling:
            self._scaling = scaling
            self._run(scaling)

    def _run(self, scaling: Scaling) -> None:
        # All at once, and none that is chosen already: what is only going to listen cannot be seen to be taken.
        names = processes.names(self._settings)
        spares = processes.spare(self._settings)
        servers_need = embedded.PORTS + brokers.ports_of(self._nodes)
        free = ports.free(
            servers_need + len(names) + len(spares) + (simulated.PORTS if self._simulates else 0),
            besides=(self._settings.web_port, self._settings.gateway_port, self._settings.kafka_port),
        )
        with step("files, jars and folders"):
            servers = self._make(free)
        addresses = self._addresses(servers)
        played = simulated.make(free) if self._simulates else None
        known = {**(played.values if played else {}), "scaling_socket": str(scaling.address)}
        settings = processes.values(self._settings, addresses, self._secrets, self._home, os.environ, known)
        connects = partial(_connects, servers)
        planned = processes.plan(self._settings, settings, free, connects)
        ours = [process for group in planned.values() for process in group]
        later = processes.plan_spare(self._settings, settings, free, connects)
        self._ports = {
            **{server.program.name: server.port for server in servers.own()},
            **{process.program.name: process.port for process in (*ours, *later)},
            **({played.program.name: played.port} if played else {}),
        }
        web = {**environment(self._home), **planned["web"][0].program.environment}
        groups = [*servers.groups(), *([played.group()] if played else []), *processes.groups(planned)]
        # Beside the workers: begun after them, ended before them, and not started with anybody.
        groups.insert(-1, Group("spare", tuple(process.program for process in later)))
        self._record.withdraw()  # of a run that was killed
        try:
            with Supervision(self._home, groups, self._changed) as supervision:
                try:
                    self._start_servers(supervision, servers, addresses)
                    if played:
                        self._start_providers(supervision, played)
                    for group in processes.groups(planned):
                        supervision.start(group.name)
                    for process in ours:
                        self._await(supervision, process)
                    scaling.open(supervision, *self._scalable(names, spares))
                    self._open(supervision, addresses, settings, web)
                    supervision.wait()
                finally:
                    self._serving = None
                    self._links_done.set()
                    say("  … stopping; nothing is lost, the next start goes on from here")
        finally:
            self._record.withdraw()
            self._web_file.unlink(missing_ok=True)
            say("  ✓ all stopped")

    def _scalable(
        self, names: Iterable[tuple[str, str]], spares: Iterable[tuple[str, str]]
    ) -> tuple[dict[str, list[str]], dict[str, int]]:
        """All names of each kind that can be scaled, in their order, and how many of them run."""
        running = {kind: [name for name, own in names if own == kind] for kind in SCALABLE}
        every = {kind: [*running[kind], *(name for name, own in spares if own == kind)] for kind in SCALABLE}
        return every, {kind: len(found) for kind, found in running.items()}

    def _make(self, free: Iterator[int]) -> Servers:
        given = self._settings
        return embedded.make(
            self._home,
            self._secrets,
            free,
            nodes=self._nodes,
            kafka_port=given.kafka_port,
            postgres=not given.database_url,
            valkey=not given.redis_url,
        )

    def _addresses(self, servers: Servers) -> Addresses:
        given = self._settings
        admin = servers.postgres.url if servers.postgres else given.database_url
        kafka = servers.kafka.bootstrap if servers.kafka else given.kafka_bootstrap
        where = {"site": given.site, "remote_sites": given.remote_sites}
        operator = {"kafka_bootstrap": kafka, **where, **_connects(servers, OPERATOR)}
        return Addresses(
            kafka=kafka,
            operator={name.upper(): value for name, value in operator.items()},
            redis=servers.valkey.url if servers.valkey else given.redis_url,
            postgres=embedded.dsns(admin, self._secrets),
        )

    def _start_servers(self, supervision: Supervision, servers: Servers, addresses: Addresses) -> None:
        def alive(server: Server | None) -> ready.Alive:
            return lambda: supervision.trouble(server.program.name) if server else None

        for group in servers.groups():
            supervision.start(group.name)
        cache = "Valkey" if servers.valkey else "Redis (REDIS_URL)"
        with step(cache):
            ready.valkey(cache, addresses.redis, alive(servers.valkey))
        admin = addresses.postgres["admin"]
        database = "PostgreSQL" if servers.postgres else "PostgreSQL (DATABASE_URL)"
        with step(database):
            ready.postgres(database, admin, alive(servers.postgres))
        with step("roles, schemas and tables"):
            ready.schemas(admin, self._secrets)
        if servers.kafka:
            with step(f"Kafka ({self._nodes} brokers) and its topics" if self._nodes > 1 else "Kafka and its topics"):
                servers.kafka.wait(supervision, self._settings)
        else:
            with step("Kafka (KAFKA_BOOTSTRAP) and its topics"):
                ready.kafka("Kafka (KAFKA_BOOTSTRAP)", self._settings, lambda: None)

    def _start_providers(self, supervision: Supervision, played: Simulated) -> None:
        supervision.start(simulated.NAME)
        with step("a Google and a Microsoft to try (PROVIDERS=simulated)"):
            played.wait(lambda: supervision.trouble(simulated.NAME), _READY_SECONDS)

    def _await(self, supervision: Supervision, process: Process) -> None:
        name = process.program.name
        with step(name):
            ready.process(name, process.port, lambda: supervision.given_up(name), _READY_SECONDS)

    def _open(
        self, supervision: Supervision, addresses: Addresses, settings: Mapping[str, str], web: dict[str, str]
    ) -> None:
        with step("the workspace demo"):
            made = links.bootstrap(web)
        write_private(self._web_file, json.dumps(web))
        stack = Stack(
            web=settings["public_url"],
            gateway=settings["gateway_public_url"],
            sign_in=made.sign_in,
            api_token=made.api_token,
            kafka=addresses.kafka,
            operator=addresses.operator,
            redis=addresses.redis,
            postgres=addresses.postgres,
            processes=tuple(self._lines(supervision)),
        )
        self._record.publish(stack)
        self._serving = supervision
        self._record.change(processes=self._lines(supervision))  # what happened in between
        self._links_done = links.keep_unused(
            addresses.postgres["web"], web, lambda link: self._record.change(sign_in=link)
        )
        say(f"\n  Addressbus is ready. Sign in (good once, for 15 minutes):\n\n  {stack.sign_in}\n")
        say(f"  Everything about it is in {self._record.path}, logs are in {self._home.logs}. Ctrl-C stops it.")

    def _lines(self, supervision: Supervision) -> list[Line]:
        wanted = (seen for seen in supervision.processes() if seen.state != "STOPPED")
        return [Line(seen.name, seen.pid, self._ports[seen.name]) for seen in wanted]

    def _changed(self, name: str, state: str) -> None:
        """Told by the supervisor, in its thread: `name` is in `state` now."""
        supervision = self._serving
        if supervision is None or name not in self._ports:
            return
        self._scaling.look()
        if state in ("EXITED", "BACKOFF"):
            say(f"  ! {name} ended; it starts again")
        elif state == "FATAL":
            say(
                f"  ! {name} does not start; it is tried again every {_GIVEN_UP_PAUSE} s. Its last words:\n"
                f"{supervision.last_words(name)}\n    (all of them: {self._home.logs / name}.log)"
            )
            threading.Timer(_GIVEN_UP_PAUSE, self._start_again, [name]).start()
        with contextlib.suppress(Died, Refused):  # it is ending, and so are we
            self._record.change(processes=self._lines(supervision))

    def _start_again(self, name: str) -> None:
        if (supervision := self._serving) is not None:
            with contextlib.suppress(Died, Refused):
                supervision.start_process(name)
