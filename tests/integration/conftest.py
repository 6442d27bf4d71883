"""Real servers for every test of this folder: started once, in a DATA_DIR of their own, and ended with the session.

ADDRESSBUS_TEST_STACK names a JSON file with the addresses of servers that already run (what `python -m app.stack
servers` prints); then those are used and left alone.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from app.core.topics import BULK, EXPRESS
from app.stack import embedded, places
from tests.forgetting import forget


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


_everybodys = pytest.StashKey[Servers]()


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    given = os.environ.get("ADDRESSBUS_TEST_STACK")
    if given:
        yield Servers(msgspec.json.decode(Path(given).read_bytes(), type=embedded.Addresses))
        return
    with started() as found:
        pytestconfig.stash[_everybodys] = found
        yield found


@pytest.fixture(scope="module", autouse=True)
async def no_work_left(pytestconfig: pytest.Config) -> AsyncIterator[None]:
    """Segments that nobody has imported are gone with their file: importers of the next one would begin with them."""
    yield
    if found := pytestconfig.stash.get(_everybodys, None):
        await forget(found.kafka, BULK.name, EXPRESS.name)
