"""How often something may be done."""

import pytest

from app.core.errors import Rejected
from app.web.limits import Rate


def test_a_minutes_share_may_come_at_once_and_then_has_to_wait() -> None:
    rate = Rate(3)
    for _ in range(3):
        rate.take("a", now=100.0)
    with pytest.raises(Rejected) as refused:
        rate.take("a", now=100.0)
    assert (refused.value.code, refused.value.extra["retry_after"]) == ("too_many_requests", 20)


def test_waiting_as_long_as_one_was_told_is_enough() -> None:
    rate = Rate(3)
    for _ in range(3):
        rate.take("a", now=100.0)
    with pytest.raises(Rejected) as refused:
        rate.take("a", now=107.0)
    wait = refused.value.extra["retry_after"]
    assert isinstance(wait, int)
    rate.take("a", now=107.0 + wait)


def test_one_does_not_use_up_the_share_of_another() -> None:
    rate = Rate(1)
    rate.take("a", now=0.0)
    rate.take("b", now=0.0)


def test_whoever_is_quiet_saves_no_more_than_a_minutes_share() -> None:
    rate = Rate(2)
    rate.take("a", now=0.0)
    rate.take("a", now=10_000.0)
    rate.take("a", now=10_000.0)
    with pytest.raises(Rejected):
        rate.take("a", now=10_000.0)
