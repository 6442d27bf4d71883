"""Looks at a running campaign from outside: committed offsets against PostgreSQL, and what processes hold."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from app.stack.whole import Whole
from tests.faults.course import Course, Usage


@asynccontextmanager
async def sampling(course: Course, facts: Mapping[str, Any], every: float = 0.1) -> AsyncIterator[None]:
    """Adds a Sample to the course every so many seconds while the body runs; what is away is passed over."""
    raise NotImplementedError
    yield


async def usage(stack: Whole) -> Usage:
    """What each process and server of the stack holds now."""
    raise NotImplementedError
