"""The three servers, prepared, started and made fit for work: alone for tests and bench, or as a part of `make run`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from app import config, sql
from app.stack import keys, leftovers, places, ports, ready, servers
from app.stack.keys import Secrets
from app.stack.places import Home
from app.stack.servers import Server
from app.stack.supervision import Group, Supervision

PORTS = 4
"""How many ports the servers need: Kafka has two."""


class Addresses(msgspec.Struct, frozen=True):
    """Where the servers are. `postgres` has a DSN for `admin` and for each role."""

    kafka: str
    redis: str
    postgres: dict[str, str]


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs on this machine; None where somebody else's server is used."""

    kafka: Server | None
    postgres: Server | None
    valkey: Server | None

    def own(self) -> list[Server]:
        """In the order of their start; stopped the other way round, so that Kafka is there to the last."""
        return [server for server in (self.kafka, self.postgres, self.valkey) if server is not None]

    def groups(self) -> list[Group]:
        return [Group(server.program.name, (server.program,)) for server in self.own()]


def make(
    home: Home,
    secrets: Secrets,
    free: Iterator[int],
    *,
    kafka: bool = True,
    postgres: bool = True,
    valkey: bool = True,
) -> Servers:
    """Prepares the servers that are asked for, all at the same time, on the next `free` ports. Raises Refused."""
    kafka_port, controller_port, postgres_port, valkey_port = (next(free) for _ in range(PORTS))
    with ThreadPoolExecutor(3) as threads:
        made = [
            threads.submit(servers.make_kafka, home, secrets, kafka_port, controller_port) if kafka else None,
            threads.submit(servers.make_postgres, home, secrets, postgres_port) if postgres else None,
            threads.submit(servers.make_valkey, home, secrets, valkey_port) if valkey else None,
        ]
        return Servers(*[future.result() if future else None for future in made])


@contextmanager
def running(data_dir: Path, *, partitions: int = 12) -> Iterator[Addresses]:
    """All three servers alone, schemas and topics made; they end with the body. Raises Refused."""
    home = places.settle(data_dir)
    with places.locked(home):
        leftovers.end(home.path)
        secrets = keys.load(home.secrets)
        made = make(home, secrets, ports.free(PORTS))
        assert made.kafka is not None
        assert made.postgres is not None
        assert made.valkey is not None
        with Supervision(home, made.groups(), changed=lambda name, state: None) as supervision:
            for group in made.groups():
                supervision.start(group.name)
            ready.valkey("Valkey", made.valkey.url, lambda: supervision.trouble("valkey"))
            ready.postgres("PostgreSQL", made.postgres.url, lambda: supervision.trouble("postgres"))
            ready.schemas(made.postgres.url, secrets)
            topics = config.Topics(kafka_bootstrap=made.kafka.url, partitions=partitions)
            ready.kafka("Kafka", topics, lambda: supervision.trouble("kafka"))
            yield Addresses(kafka=made.kafka.url, redis=made.valkey.url, postgres=dsns(made.postgres.url, secrets))


def dsns(admin: str, secrets: Secrets) -> dict[str, str]:
    """The administrator's DSN and the same for each role."""
    parts = urlsplit(admin)
    place = parts.netloc.rpartition("@")[2]
    of_roles = {
        role: urlunsplit(parts._replace(netloc=f"{role}:{quote(secrets.roles[role], safe='')}@{place}"))
        for role in sql.ROLES
    }
    return {"admin": admin, **of_roles}
