"""BROKERS=3: three KRaft nodes, each broker and controller, that speak TLS and let in only whom they know.

Every record lies on all three and is acknowledged once two have it, so any one of them may die. Processes show who they
are by SCRAM and may do what `app.core.rights` says; the nodes know each other by certificates.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from app import config
from app.core.rights import SERVICES
from app.stack import Refused, ports, ready, servers
from app.stack.certificates import Authority
from app.stack.keys import Secrets, write_private
from app.stack.places import Home
from app.stack.servers import Server
from app.stack.supervision import Group, Supervision

NODES = 3
ADMIN = "admin"
_HEAP = "320m"
_LISTENERS = ("CLIENT", "BROKER", "CONTROLLER")


@dataclass(frozen=True, slots=True)
class Kafka:
    """Its nodes; where these ask who one is, what every client needs to know, and each one's password."""

    nodes: tuple[Server, ...]
    security: Mapping[str, str] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        return ",".join(node.url for node in self.nodes)

    def settings(self, name: str) -> dict[str, str]:
        """How the process `name`, or the administrator, connects: by the names of its settings."""
        login = {"kafka_username": name, "kafka_password": self.passwords[name]} if self.passwords else {}
        return {"kafka_bootstrap": self.bootstrap, **self.security, **login}

    def group(self) -> Group:
        return Group("kafka", tuple(node.program for node in self.nodes))

    def wait(self, supervision: Supervision, topics: config.Topics) -> None:
        """Returns once it answers and has every topic and all users with their rights. Raises Refused."""
        known: dict[str, Any] = {"replication": len(self.nodes), **self.settings(ADMIN)}
        settings = replace(topics, **known)
        ready.kafka("Kafka", settings, lambda: self._trouble(supervision))
        if self.passwords:
            ready.rights(settings, {name: self.passwords[name] for name in SERVICES})

    def _trouble(self, supervision: Supervision) -> str | None:
        found = (supervision.trouble(node.program.name) for node in self.nodes)
        return next((trouble for trouble in found if trouble), None)


def ports_of(count: int) -> int:
    """How many ports Kafka needs. Raises Refused for a number of brokers that there is no profile for."""
    if count not in (0, 1, NODES):
        raise Refused(f"BROKERS is 1 or {NODES}, not {count}")
    return {0: 0, 1: 2, NODES: NODES * len(_LISTENERS)}[count]


def make(home: Home, secrets: Secrets, free: Iterator[int], count: int, port: int = 0) -> Kafka:
    """Prepares `count` nodes, all at the same time; a single one listens on `port`, if it is not 0. Raises Refused."""
    if (home.servers / ("kafka" if count == NODES else "kafka.1")).exists():
        raise Refused(f"{home.path} was begun with another number of BROKERS; choose another DATA_DIR, or make clean")
    if count == 1:
        any_free, controller = next(free), next(free)
        return Kafka((servers.make_kafka(home, secrets, port or any_free, controller),))
    addresses = {node: {name: f"{ports.LOOPBACK}:{next(free)}" for name in _LISTENERS} for node in range(1, NODES + 1)}
    authority = Authority()
    trusted = home.path / "kafka-ca.pem"
    write_private(trusted, authority.certificate)
    security = {
        "kafka_security": "SASL_SSL",
        "kafka_sasl_mechanism": "SCRAM-SHA-512",
        "kafka_ca_file": str(trusted),
    }
    with ThreadPoolExecutor(NODES) as threads:
        nodes = threads.map(lambda node: _node(home, secrets, node, addresses, authority), addresses)
        return Kafka(tuple(nodes), security, secrets.kafka)


def _node(
    home: Home, secrets: Secrets, number: int, addresses: Mapping[int, Mapping[str, str]], authority: Authority
) -> Server:
    name = f"kafka.{number}"
    folder = home.folder(name)
    own, trusted = folder / "node.pem", folder / "ca.pem"
    servers.write(home, own, authority.issue(f"broker.{number}"))
    servers.write(home, trusted, authority.certificate)
    listeners = {listener: f"{listener}://{place}" for listener, place in addresses[number].items()}
    settings = {
        "node.id": number,
        "controller.quorum.voters": ",".join(f"{node}@{place['CONTROLLER']}" for node, place in addresses.items()),
        "listeners": ",".join(listeners.values()),
        "advertised.listeners": f"{listeners['CLIENT']},{listeners['BROKER']}",
        "inter.broker.listener.name": "BROKER",
        "listener.security.protocol.map": "CLIENT:SASL_SSL,BROKER:SSL,CONTROLLER:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": own,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": trusted,
        "listener.name.broker.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": r"RULE:^CN=broker\\.[0-9]+$/broker/",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:broker;User:{ADMIN}",
        "default.replication.factor": NODES,
        # All nodes end together: the last ones would wait for a controller that has gone already.
        "controlled.shutdown.enable": "false",
        **servers.copies(NODES),
    }
    administrator = f"SCRAM-SHA-512=[name={ADMIN},password={secrets.kafka[ADMIN]}]"
    program = servers.make_node(home, secrets, name, settings, heap=_HEAP, users=[administrator])
    place = addresses[number]["CLIENT"]
    return Server(program=program, port=int(place.rpartition(":")[2]), url=place)
