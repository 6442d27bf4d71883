"""Many records in hand: one key in order, keys side by side, and acknowledged only as they came."""

import asyncio
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.harness import Record
from workers.window import Window

TICKS = st.integers(0, 6)


def record(offset: int, key: str, partition: int) -> Record:
    return Record(topic="t", partition=partition, offset=offset, key=key.encode(), value=b"")


@settings(max_examples=120)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 1), TICKS), max_size=25),
    st.integers(1, 8),
)
def test_whatever_takes_how_long_nothing_is_acknowledged_before_what_came_before(
    work: list[tuple[str, int, int]], most: int
) -> None:
    acknowledged: dict[int, list[int]] = defaultdict(list)
    taken: dict[tuple[int, bytes | None], list[int]] = defaultdict(list)
    done: set[int] = set()
    in_hand: set[tuple[int, bytes | None]] = set()
    unacknowledged = 0

    async def take(record: Record) -> None:
        key = record.partition, record.key
        assert key not in in_hand, "two of one key at a time"
        in_hand.add(key)
        taken[key].append(record.offset)
        for _ in range(work[record.offset][2]):
            await asyncio.sleep(0)
        in_hand.discard(key)
        done.add(record.offset)

    async def run() -> None:
        nonlocal unacknowledged
        window = Window(take, most)
        for offset, (key, partition, _) in enumerate(work):

            def acknowledge(offset: int = offset, partition: int = partition) -> None:
                nonlocal unacknowledged
                unacknowledged -= 1
                before = [at for at, each in enumerate(work[: offset + 1]) if each[1] == partition]
                assert done.issuperset(before), "committed past work in flight"
                acknowledged[partition].append(offset)

            await window.put(record(offset, key, partition), acknowledge)
            unacknowledged += 1
            assert unacknowledged <= most
        while unacknowledged:  # noqa: ASYNC110
            await asyncio.sleep(0)

    asyncio.run(run())
    for partition in (0, 1):
        assert acknowledged[partition] == [at for at, each in enumerate(work) if each[1] == partition]
    for (partition, key), offsets in taken.items():
        same = [at for at, each in enumerate(work) if each[1] == partition and each[0].encode() == key]
        assert offsets == same


async def test_a_slow_key_holds_up_nobody_but_itself() -> None:
    slow = asyncio.Event()
    done: list[int] = []

    async def take(record: Record) -> None:
        if record.key == b"slow":
            await slow.wait()
        done.append(record.offset)

    window = Window(take, 10)
    acknowledged: list[int] = []
    for offset, key in enumerate(["slow", "a", "slow", "b", "a"]):
        await window.put(record(offset, key, 0), lambda offset=offset: acknowledged.append(offset))  # type: ignore[misc]
    async with asyncio.timeout(60):
        while len(done) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert (done, acknowledged) == ([1, 3, 4], [])
    slow.set()
    async with asyncio.timeout(60):
        while len(acknowledged) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert acknowledged == [0, 1, 2, 3, 4]
