"""The projector lets others go first, also inside the database where that is on the same machine."""

import os
import sys
from uuid import uuid4

import pytest

from app import sql
from tests.integration.conftest import Servers
from workers.projector import yielding


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which process a number means")
async def test_a_session_of_the_projector_has_a_lower_priority(servers: Servers) -> None:
    pool = sql.make_pool(servers.dsn("projector"), "test", size=1, configure=yielding.lower_session)
    async with pool, pool.connection() as connection:
        assert os.getpriority(os.PRIO_PROCESS, connection.info.backend_pid) == yielding.NICE


async def test_a_process_that_is_no_session_of_ours_is_left_alone() -> None:
    assert not yielding._is_session(os.getpid(), "projector")
    assert not yielding._is_session(2**22 + 1, f"nobody-{uuid4()}")
