"""When a worker has something to do, so that doing nothing means being stuck."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaConnectionError

from workers.faustapp import _behind

ONE, TWO = TopicPartition("t", 0), TopicPartition("t", 1)


class Consumer:
    """A consumer that stands at `positions`; the broker has more, or does not answer."""

    def __init__(self, positions: dict[TopicPartition, Any], ends: Any, unacked: int = 0) -> None:
        self.positions, self.ends, self.unacked = positions, ends, [None] * unacked

    def assignment(self) -> set[TopicPartition]:
        return set(self.positions)

    async def position(self, partition: TopicPartition) -> int | None:
        found = self.positions[partition]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    async def highwaters(self, *partitions: TopicPartition) -> dict[TopicPartition, int]:
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("consumer", "rebalancing", "behind"),
    [
        pytest.param(Consumer({ONE: 5, TWO: 0}, {ONE: 5, TWO: 0}), False, False, id="all is done"),
        pytest.param(Consumer({}, {}), False, False, id="no partition is ours"),
        pytest.param(
            Consumer({ONE: 5, TWO: 0}, {ONE: 5, TWO: 1}), False, True, id="the broker has what nobody fetches"
        ),
        pytest.param(Consumer({ONE: 5}, {ONE: 5}, unacked=1), False, True, id="one is in hand"),
        pytest.param(Consumer({ONE: 5}, {ONE: 5}), True, True, id="a rebalance is under way"),
        pytest.param(Consumer({ONE: None}, {ONE: 5}), False, False, id="the position is not known yet"),
        pytest.param(Consumer({ONE: IllegalStateError()}, {}), False, True, id="the partition is being taken away"),
        pytest.param(Consumer({ONE: 5}, KafkaConnectionError()), False, False, id="Kafka is away"),
    ],
)
async def test_a_worker_knows_whether_there_is_something_to_do(
    consumer: Consumer, rebalancing: bool, behind: bool
) -> None:
    app: Any = SimpleNamespace(consumer=consumer, rebalancing=rebalancing)
    assert await _behind(app) is behind
