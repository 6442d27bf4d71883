"""`make two-datacenters`: two whole stacks and MirrorMaker between them on one machine, until Ctrl-C.

Each site is what `make run` starts, with a DATA_DIR, servers and a supervisor of its own. Beside them, under a
supervisor of theirs, run the two MirrorMakers. The one thing that the sites share is DATA_KEYS, without which the one
could not read the other's files.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import msgspec

from app import config
from app.core.errors import TryAgain
from app.stack import Refused, jars, keys, leftovers, mirror, places, ports, processes, ready
from app.stack.keys import write_private
from app.stack.mirror import Copying
from app.stack.places import Home
from app.stack.record import Stack
from app.stack.servers import Program
from app.stack.supervision import ROOT, Died, Group, Supervision
from app.stack.terminal import say, step

NAMES = ("east", "west")
FILE = "sites.json"
_APART = 10
"""Between the ports of a site and those of the next."""
_READY_SECONDS, _COPYING_SECONDS = 240, 90
OWN = ("KAFKA_BOOTSTRAP", "DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "GATEWAY_PUBLIC_URL", "ALLOWED_ORIGINS")
"""What belongs to one stack and cannot hold for two."""
_ALSO = ("XDG_CACHE_HOME",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One data centre: its name, its number, and where it is on this machine."""

    name: str
    number: int
    data_dir: Path
    web_port: int
    gateway_port: int
    kafka_port: int
    port_range: str

    @property
    def kafka(self) -> str:
        return f"{ports.LOOPBACK}:{self.kafka_port}"

    @property
    def facts(self) -> Path:
        return self.data_dir / "stack.json"


class Line(msgspec.Struct, frozen=True):
    """A process of ours: `east` is what runs that whole site, `mirror.east` copies to it."""

    name: str
    pid: int


class Sites(msgspec.Struct, frozen=True):
    """The shape of DATA_DIR/sites.json, which is there while everything is up: the folder of each site's stack.json."""

    sites: dict[str, str]
    processes: tuple[Line, ...]


def run(settings: config.Stack, environ: Mapping[str, str]) -> None:
    """Runs until an exception ends it, e.g. a signal's. Raises Refused."""
    if given := [name for name in OWN if environ.get(name)]:
        raise Refused(f"two data centres bring servers and addresses of their own; leave out {', '.join(given)}")
    if settings.brokers != 1:
        raise Refused("two data centres have one broker each on one machine; leave out BROKERS")
    home = places.settle(Path(settings.data_dir))
    with places.locked(home):
        leftovers.end(home.path)
        sites = plan(settings, home.path)
        for site in sites:
            ports.check(site.web_port, "WEB_PORT")
            ports.check(site.gateway_port, "GATEWAY_PORT")
        data_keys = settings.data_keys or keys.load(home.secrets).data_keys
        with step("jars of Kafka and MirrorMaker"):
            jars.fetch(home.account)
            addresses = {site.name: site.kafka for site in sites}
            mirrors = [mirror.make(home, site.name, addresses) for site in sites]
        stacks = [program(site, sites, environ, data_keys) for site in sites]
        _Session(home, sites, [Group("sites", tuple(stacks)), Group("mirrors", tuple(mirrors))]).run()


def plan(settings: config.Stack, folder: Path) -> list[Site]:
    """The sites, each with ports that no other takes. Raises Refused."""
    own, *ranges = ports.shares(1 + len(NAMES))
    free = ports.free(len(NAMES), own)
    return [
        Site(
            name=name,
            number=number,
            data_dir=folder / name,
            web_port=settings.web_port + _APART * number,
            gateway_port=settings.gateway_port + _APART * number,
            kafka_port=next(free),
            port_range=ranges[number],
        )
        for number, name in enumerate(NAMES)
    ]


def program(site: Site, sites: Sequence[Site], environ: Mapping[str, str], data_keys: str) -> Program:
    """What runs a whole site: with what the person set, and what tells it from the others."""
    kinds: list[type[config.Process]] = [config.Stack, *processes.KINDS.values()]
    known = {field.name.upper() for kind in kinds for field in fields(kind)}
    environment = {
        "IMPORTERS": "1",  # two sites share the machine
        **{name: environ[name] for name in (*sorted(known), *_ALSO) if environ.get(name)},
        "DATA_DIR": str(site.data_dir),
        "WEB_PORT": str(site.web_port),
        "GATEWAY_PORT": str(site.gateway_port),
        "KAFKA_PORT": str(site.kafka_port),
        "PORT_RANGE": site.port_range,
        "DATA_KEYS": data_keys,
        "SITE": site.name,
        "REMOTE_SITES": " ".join(other.name for other in sites if other != site),
        "SITES": str(len(sites)),
        "SITE_NUMBER": str(site.number),
    }
    argv = (sys.executable, "-m", "app.stack", "run")
    return Program(name=site.name, argv=argv, environment=environment, folder=ROOT, grace=120)


class _Session:
    """One life of the supervisor of both sites."""

    def __init__(self, home: Home, sites: Sequence[Site], groups: Sequence[Group]) -> None:
        self._home = home
        self._sites = sites
        self._groups = groups
        self._file = home.path / FILE
        self._told = dict.fromkeys((site.name for site in sites), 0)
        self._serving: Supervision | None = None

    def run(self) -> None:
        """Starts everything and stays. Raises Refused."""
        for path in (self._file, *(site.facts for site in self._sites)):
            path.unlink(missing_ok=True)  # of a run that was killed
        try:
            with Supervision(self._home, self._groups, self._changed) as supervision:
                try:
                    supervision.start("sites")
                    self._await_sites(supervision)
                    self._start_mirrors(supervision)
                    self._open(supervision)
                    supervision.wait()
                finally:
                    self._serving = None
                    say("  … stopping both; nothing is lost, the next start goes on from here")
        except Died as error:
            raise Refused("the supervisor of the two sites was killed; start again: make two-datacenters") from error
        finally:
            self._file.unlink(missing_ok=True)
            say("  ✓ all stopped")

    def _await_sites(self, supervision: Supervision) -> None:
        def attempt() -> None:
            for site in self._sites:
                self._tell(site)
            if missing := [site.name for site in self._sites if not site.facts.exists()]:
                raise TryAgain(f"not ready: {', '.join(missing)}")

        def alive() -> str | None:
            found = ((site.name, supervision.trouble(site.name)) for site in self._sites)
            return next((f"({name}) {trouble}" for name, trouble in found if trouble), None)

        ready.answers("a site", attempt, (TryAgain,), alive, _READY_SECONDS)

    def _tell(self, site: Site) -> None:
        """Shows what a site has said of its start since the last time."""
        path = self._home.logs / f"{site.name}.log"
        text = path.read_bytes() if path.exists() else b""
        whole = text[: text.rfind(b"\n") + 1]
        for line in whole[self._told[site.name] :].decode(errors="replace").splitlines():
            if line.startswith(("  ✓", "  ✗", "  !")):
                say(f"  {site.name} {line}")
        self._told[site.name] = len(whole)

    def _start_mirrors(self, supervision: Supervision) -> None:
        copies = [
            Copying(site.name, site.kafka, [other.name for other in self._sites if other != site])
            for site in self._sites
        ]
        supervision.start("mirrors")
        for site, copying in zip(self._sites, copies, strict=True):
            name = f"mirror.{site.name}"
            with step(name):
                copying.wait(lambda name=name: supervision.trouble(name), _COPYING_SECONDS)  # type: ignore[misc]

    def _open(self, supervision: Supervision) -> None:
        self._serving = supervision
        self._publish(supervision)
        say("\n  Two data centres are ready. Sign in (each good once, for 15 minutes):\n")
        for site in self._sites:
            stack = msgspec.json.decode(site.facts.read_bytes(), type=Stack)
            say(f"  {site.name}  {stack.sign_in}")
        say(f"\n  Everything about them is below {self._home.path}, logs are in {self._home.logs}. Ctrl-C stops both.")

    def _publish(self, supervision: Supervision) -> None:
        lines = tuple(Line(seen.name, seen.pid) for seen in supervision.processes())
        found = Sites(sites={site.name: str(site.data_dir) for site in self._sites}, processes=lines)
        write_private(self._file, msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")

    def _changed(self, name: str, state: str) -> None:
        """Told by the supervisor, in its thread: `name` is in `state` now."""
        supervision = self._serving
        if supervision is None or name not in [program.name for group in self._groups for program in group.programs]:
            return
        if state in ("EXITED", "BACKOFF"):
            say(f"  ! {name} ended; it starts again")
        elif state == "FATAL":
            say(f"  ! {name} does not start any more; its last words:\n{supervision.last_words(name)}")
        try:
            self._publish(supervision)
        except (Died, Refused):
            return  # it is ending, and so are we
