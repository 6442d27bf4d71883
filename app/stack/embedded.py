"""The three servers, prepared, started and made fit for work: alone for tests and bench, or as a part of `make run`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from app import config, sql
from app.stack import brokers, keys, leftovers, places, ports, ready, servers
from app.stack.brokers import Kafka
from app.stack.keys import Secrets
from app.stack.places import Home
from app.stack.servers import Server
from app.stack.supervision import Group, Supervision

PORTS = 2
"""How many ports the servers need beside Kafka, which says itself."""


class Addresses(msgspec.Struct, frozen=True):
    """Where the servers are. `postgres` has a DSN for `admin` and for each role.

    `operator` are the variables by which commands for operators find Kafka and are let in.
    """

    kafka: str
    redis: str
    postgres: dict[str, str]
    operator: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs on this machine; None where somebody else's server is used."""

    kafka: Kafka | None
    postgres: Server | None
    valkey: Server | None

    def own(self) -> list[Server]:
        """In the order of their start; stopped the other way round, so that Kafka is there to the last."""
        nodes = self.kafka.nodes if self.kafka else ()
        return [*nodes, *(server for server in (self.postgres, self.valkey) if server is not None)]

    def groups(self) -> list[Group]:
        nodes = [self.kafka.group()] if self.kafka else []
        others = [Group(server.program.name, (server.program,)) for server in (self.postgres, self.valkey) if server]
        return nodes + others


def make(
    home: Home,
    secrets: Secrets,
    free: Iterator[int],
    *,
    nodes: int = 1,
    kafka_port: int = 0,
    postgres: bool = True,
    valkey: bool = True,
) -> Servers:
    """Prepares the servers that are asked for, all at the same time, on the next `free` ports. Raises Refused.

    A single broker listens on `kafka_port`, where that is not 0.
    """
    postgres_port, valkey_port = (next(free) for _ in range(PORTS))
    with ThreadPoolExecutor(3) as threads:
        log = threads.submit(brokers.make, home, secrets, free, nodes, kafka_port) if nodes else None
        database = threads.submit(servers.make_postgres, home, secrets, postgres_port) if postgres else None
        cache = threads.submit(servers.make_valkey, home, secrets, valkey_port) if valkey else None
        return Servers(
            log.result() if log else None,
            database.result() if database else None,
            cache.result() if cache else None,
        )


@contextmanager
def running(data_dir: Path, *, partitions: int = 12) -> Iterator[Addresses]:
    """All three servers alone, schemas and topics made; they end with the body. Raises Refused."""
    home = places.settle(data_dir)
    with places.locked(home):
        leftovers.end(home.path)
        secrets = keys.load(home.secrets)
        made = make(home, secrets, ports.free(PORTS + brokers.ports_of(1)))
        assert made.kafka is not None
        assert made.postgres is not None
        assert made.valkey is not None
        with Supervision(home, made.groups(), changed=lambda name, state: None) as supervision:
            for group in made.groups():
                supervision.start(group.name)
            ready.valkey("Valkey", made.valkey.url, lambda: supervision.trouble("valkey"))
            ready.postgres("PostgreSQL", made.postgres.url, lambda: supervision.trouble("postgres"))
            ready.schemas(made.postgres.url, secrets)
            made.kafka.wait(supervision, config.Topics(kafka_bootstrap="", partitions=partitions))
            yield Addresses(
                kafka=made.kafka.bootstrap, redis=made.valkey.url, postgres=dsns(made.postgres.url, secrets)
            )


def dsns(admin: str, secrets: Secrets) -> dict[str, str]:
    """The administrator's DSN and the same for each role."""
    parts = urlsplit(admin)
    place = parts.netloc.rpartition("@")[2]
    of_roles = {
        role: urlunsplit(parts._replace(netloc=f"{role}:{quote(secrets.roles[role], safe='')}@{place}"))
        for role in sql.ROLES
    }
    return {"admin": admin, **of_roles}
