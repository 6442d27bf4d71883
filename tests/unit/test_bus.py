"""Whose fault it is when Kafka does not take a record."""

import asyncio

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from app.bus import acknowledged
from app.core.errors import TryAgain


def refused(error: Exception) -> "asyncio.Future[object]":
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


async def test_a_broker_that_is_away_may_take_it_later() -> None:
    with pytest.raises(TryAgain):
        await acknowledged([refused(KafkaTimeoutError())])


async def test_a_record_that_is_too_big_stays_too_big() -> None:
    with pytest.raises(MessageSizeTooLargeError):
        await acknowledged([refused(MessageSizeTooLargeError())])
