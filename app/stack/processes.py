"""The processes of the Procfile: how many, under which names, and what little of the environment each gets."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlsplit

from app import config, scaling
from app.stack.embedded import Addresses
from app.stack.keys import Secrets
from app.stack.places import Home
from app.stack.servers import Program
from app.stack.supervision import ROOT, Group

KINDS: dict[str, type[config.Process]] = {
    "web": config.Web,
    "gateway": config.Gateway,
    "importer": config.Importer,
    "express": config.Importer,
    "tracker": config.Tracker,
    "projector": config.Projector,
    "fetcher": config.Fetcher,
}
"""What each line of the Procfile reads from its environment."""

_LANES = {"importer": "bulk", "express": "express"}
_GRACE = {"web": 20, "gateway": 30}
# In the order of their start; stopped the other way round, web first, so that no new input comes.
_GROUPS = {
    "gateways": ("gateway",),
    "workers": ("tracker", "importer", "express", "projector", "fetcher"),
    "web": ("web",),
}


Connects = Callable[[str], Mapping[str, str]]
"""How a process of some kind connects to Kafka, where each does so in its own name: settings by field name."""


def _alike(kind: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Process:
    """One process of ours; `port` is where it answers /readyz."""

    program: Program
    port: int


def procfile(text: str) -> dict[str, str]:
    """`name: command` a line."""
    lines = (line.partition(":") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name.strip(): command.strip() for name, _, command in lines}


def names(settings: config.Stack) -> list[tuple[str, str]]:
    """(process name, Procfile name) of all that are to run, e.g. ("importer.2", "importer")."""
    counts = {
        "importer": settings.importers,
        "tracker": settings.trackers,
        "projector": settings.projectors,
        "fetcher": settings.fetchers,
        "gateway": settings.gateways,
    }
    numbered = [
        (f"{kind}.{number}", kind) for kind in KINDS if kind != "web" for number in range(1, counts.get(kind, 1) + 1)
    ]
    return [("web", "web"), *numbered]


def spare(settings: config.Stack) -> list[tuple[str, str]]:
    """Those that may be started later: as many of each kind that can be scaled as help."""
    running = names(settings)
    most = min(scaling.MOST, settings.partitions)
    possible = [(f"{kind}.{number}", kind) for kind in scaling.KINDS for number in range(1, most + 1)]
    return [one for one in possible if one not in running]


def values(
    settings: config.Stack,
    addresses: Addresses,
    secrets: Secrets,
    home: Home,
    environ: Mapping[str, str],
    more: Mapping[str, str] = {},
) -> dict[str, str]:
    """Every setting that some process may read, by field name: what the person set, and what we know better.

    `more` is what else we know: what leads to simulated providers, if there are any, and to scaling.
    """
    known = {field.name for kind in KINDS.values() for field in fields(kind)}
    given = {name: environ[name.upper()] for name in known if environ.get(name.upper())}
    if not settings.kafka_bootstrap:
        given = {name: value for name, value in given.items() if not name.startswith("kafka_")}
    public = urlsplit(settings.public_url or f"http://localhost:{settings.web_port}")
    gateway = f"{public.scheme}://{public.hostname}:{settings.gateway_port}"
    return {
        "drain_seconds": "3",  # one machine, few clients: Ctrl-C should not take long
        **given,
        **more,
        "kafka_bootstrap": addresses.kafka,
        "redis_url": addresses.redis,
        "web_database_url": addresses.postgres["web"],
        "jobs_database_url": addresses.postgres["jobs"],
        "lookup_database_url": addresses.postgres["lookup_reader"],
        "connections_database_url": addresses.postgres["connections"],
        "importer_database_url": addresses.postgres["importer"],
        "projector_database_url": addresses.postgres["projector"],
        "fetcher_database_url": addresses.postgres["fetcher"],
        "web_port": str(settings.web_port),
        "gateway_port": str(settings.gateway_port),
        "public_url": public.geturl(),
        "gateway_public_url": settings.gateway_public_url or gateway,
        "channel_keys": settings.channel_keys or secrets.channel_keys,
        "data_keys": settings.data_keys or secrets.data_keys,
        "data_dir": str(home.path),
    }


def plan(
    settings: config.Stack, values: Mapping[str, str], ports: Iterator[int], connects: Connects = _alike
) -> dict[str, list[Process]]:
    """The groups of processes in the order of their start, each process with only the settings of its kind."""
    made = _made(names(settings), values, ports, connects)
    return {
        group: [process for wanted in kinds for kind, process in made if kind == wanted]
        for group, kinds in _GROUPS.items()
    }


def plan_spare(
    settings: config.Stack, values: Mapping[str, str], ports: Iterator[int], connects: Connects = _alike
) -> list[Process]:
    """The processes that may be started later."""
    return [process for _, process in _made(spare(settings), values, ports, connects)]


def groups(planned: Mapping[str, list[Process]]) -> list[Group]:
    return [
        Group(name, tuple(process.program for process in processes)) for name, processes in planned.items() if processes
    ]


def _made(
    wanted: list[tuple[str, str]], values: Mapping[str, str], ports: Iterator[int], connects: Connects
) -> list[tuple[str, Process]]:
    commands = procfile((ROOT / "Procfile").read_text())
    return [
        (kind, _process(name, kind, commands[kind], {**values, **connects(kind)}, next(ports))) for name, kind in wanted
    ]


def _process(name: str, kind: str, command: str, values: Mapping[str, str], port: int) -> Process:
    own = {**values, "process_name": name, "health_port": str(port), "lane": _LANES.get(kind, "")}
    wanted = [field.name for field in fields(KINDS[kind])]
    program = Program(
        name=name,
        argv=(sys.executable, *command.split()[1:]),
        environment={field.upper(): own[field] for field in wanted if own.get(field)},
        folder=ROOT,
        grace=_GRACE.get(kind, 20),
    )
    return Process(program, port)
