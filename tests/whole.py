"""The whole stack for tests of all of it: started once a session, as a person would start it."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.stack import places
from app.stack.whole import Whole, whole
from bench.client import Client, visible
from tests.waiting import eventually


@contextmanager
def started(**environment: str) -> Iterator[Whole]:
    """A stack with these settings, of which nothing is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="addressbus-whole-"))
    folder.chmod(0o755)
    data_dir = folder / "data"
    try:
        with whole(data_dir, **environment) as running:
            yield running
    finally:
        places.forget(data_dir)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def stack() -> Iterator[Whole]:
    with started(REQUESTS_PER_MINUTE="100000", PREVIEWS_PER_MINUTE="10000", PROVIDERS="simulated") as running:
        yield running


@pytest.fixture(scope="session")
async def client(stack: Whole) -> AsyncIterator[Client]:
    """The API, as the owner of the workspace "demo"."""
    facts = stack.facts()
    made = Client(facts["web"], facts["api_token"])
    yield made
    await made.close()


async def remembered(client: Client, import_id: str) -> dict[str, Any]:
    """An import that was told to be visible, as the pages' memory has it: that is a commit behind what is told."""
    return await eventually(lambda: client.get(f"/api/v1/imports/{import_id}"), visible)
