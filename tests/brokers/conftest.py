"""Fixtures of this folder: three brokers with as few processes beside them as there can be, for they are heavy."""

from collections.abc import Iterator

import pytest

from app.stack.whole import Whole
from tests.whole import client, started

__all__ = ["client", "stack"]


@pytest.fixture(scope="session")
def stack() -> Iterator[Whole]:
    with started(BROKERS="3", PARTITIONS="3", IMPORTERS="1", FETCHERS="1") as running:
        yield running
