"""Real servers for every test of this folder: started once, in a DATA_DIR of their own, and ended with the session.

ADDRESSBUS_TEST_STACK names a JSON file with the addresses of servers that already run (what `python -m app.stack
servers` prints); then those are used and left alone.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from app.stack import embedded, places


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are; schemas are migrated and topics exist."""

    addresses: embedded.Addresses

    @property
    def kafka(self) -> str:
        """The bootstrap address."""
        return self.addresses.kafka

    @property
    def redis(self) -> str:
        return self.addresses.redis

    @property
    def postgres(self) -> str:
        """The administrator's DSN."""
        return self.addresses.postgres["admin"]

    def dsn(self, role: str) -> str:
        """The DSN of a service's role, e.g. `importer`."""
        return self.addresses.postgres[role]


@contextmanager
def started() -> Iterator[Servers]:
    """Servers that nobody else has."""
    data_dir = Path(tempfile.mkdtemp(prefix="addressbus-test-"))
    try:
        with embedded.running(data_dir) as addresses:
            yield Servers(addresses)
    finally:
        places.forget(data_dir)
        shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    given = os.environ.get("ADDRESSBUS_TEST_STACK")
    if given:
        yield Servers(msgspec.json.decode(Path(given).read_bytes(), type=embedded.Addresses))
        return
    with started() as found:
        yield found
