"""The three servers alone, as child processes: for tests, bench and whoever wants to look at them."""

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from app import config, sql
from app.stack import keys, places, ports, ready, servers
from app.stack.keys import Secrets
from app.stack.places import Home
from app.stack.servers import Program, Server


class Addresses(msgspec.Struct, frozen=True):
    """Where the servers are. `postgres` has a DSN for `admin` and for each role."""

    kafka: str
    redis: str
    postgres: dict[str, str]


def dsns(admin: str, secrets: Secrets) -> dict[str, str]:
    """The administrator's DSN and the same for each role."""
    parts = urlsplit(admin)
    place = parts.netloc.rpartition("@")[2]
    of_roles = {
        role: urlunsplit(parts._replace(netloc=f"{role}:{quote(secrets.roles[role], safe='')}@{place}"))
        for role in sql.ROLES
    }
    return {"admin": admin, **of_roles}


@contextmanager
def running(data_dir: Path, *, partitions: int = 12) -> Iterator[Addresses]:
    """All three servers, schemas and topics made; they end with the body. Raises Refused."""
    home = places.settle(data_dir)
    secrets = keys.load(home.secrets)
    with ExitStack() as stack:
        kafka, postgres, valkey = make(home, secrets)
        # Started in this order, all boot at once; ended in the opposite one, so that Kafka is there to the last.
        alive = [stack.enter_context(_child(server.program, home)) for server in (kafka, postgres, valkey)]
        ready.valkey(valkey.url, alive[2])
        ready.postgres(postgres.url, alive[1])
        ready.schemas(postgres.url, secrets)
        ready.kafka(config.Topics(kafka_bootstrap=kafka.url, partitions=partitions), alive[0])
        yield Addresses(kafka=kafka.url, redis=valkey.url, postgres=dsns(postgres.url, secrets))


def make(home: Home, secrets: Secrets) -> tuple[Server, Server, Server]:
    """Kafka, PostgreSQL and Valkey, prepared at the same time, on ports that are free now. Raises Refused."""
    kafka_port, controller_port, postgres_port, valkey_port = ports.free(4)
    with ThreadPoolExecutor(3) as threads:
        kafka = threads.submit(servers.make_kafka, home, secrets, kafka_port, controller_port)
        postgres = threads.submit(servers.make_postgres, home, secrets, postgres_port)
        valkey = threads.submit(servers.make_valkey, home, secrets, valkey_port)
        return kafka.result(), postgres.result(), valkey.result()


@contextmanager
def _child(program: Program, home: Home) -> Iterator[ready.Alive]:
    path = home.logs / f"{program.name}.log"
    owner = program.account.arguments() if program.account else {}
    with path.open("ab") as log:
        child = subprocess.Popen(  # type: ignore[call-overload]
            program.argv,
            cwd=program.folder,
            env={**servers.ENVIRONMENT, **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C at the terminal is for us; the servers end in our order
            **owner,
        )

    def ended() -> str | None:
        return None if child.poll() is None else f"ended with {child.returncode}: {last_words(path)}"

    try:
        yield ended
    finally:
        child.send_signal(getattr(signal, f"SIG{program.stop_signal}"))
        try:
            child.wait(program.grace)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def last_words(log: Path, lines: int = 5) -> str:
    """The end of a log file, which mostly says why."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
