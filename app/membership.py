"""How a static member says that it leaves for good.

A member with an instance id keeps its partitions while it is away, so that one that crashed finds them when it is
back a moment later. One that ends in order is not expected back: without a word from it nobody would work on its
partitions until its session is over. No client library of ours speaks that word (LeaveGroup since version 3, KIP-345).
"""

import asyncio
import logging

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from app import bus, config

log = logging.getLogger(__name__)
_SECONDS = 2.0
_UNKNOWN = 25
"""UNKNOWN_MEMBER_ID: it was no member any more, which is what was wanted."""


class _Left(Response):  # type: ignore[misc]  # the client ships no types
    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")), ("error_code", Int16)),
        ),
    )


class _Leave(RequestStruct):  # type: ignore[misc]  # the client ships no types
    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = _Left
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")))),
    )


class _Leaving(Request[_Leave]):  # type: ignore[misc]  # the client ships no types
    API_KEY = 13

    def __init__(self, group: str, instance: str) -> None:
        self._group = group
        self._instance = instance

    def build(self, request_struct_class: type[_Leave]) -> _Leave:
        return request_struct_class(self._group, [("", self._instance)])


async def leave(settings: config.Process, group: str) -> None:
    """The static member that this process was, its consumer being stopped, gives its partitions to the others.

    Where that fails they get them when the session is over, as ever.
    """
    admin = AIOKafkaAdminClient(**bus.connection(settings), client_id=settings.process_name)
    try:
        async with asyncio.timeout(_SECONDS):
            await admin.start()
            coordinator = await admin.find_coordinator(group)
            answer = await admin._send_request(_Leaving(group, settings.process_name), coordinator)
    except (KafkaError, OSError, TimeoutError) as error:
        log.warning("the group was not left", extra={"group": group, "why": repr(error)})
        return
    finally:
        await admin.close()
    codes = [answer.error_code, *(code for *_, code in answer.members)]
    if any(code not in (0, _UNKNOWN) for code in codes):
        log.warning("the group was not left", extra={"group": group, "codes": codes})
