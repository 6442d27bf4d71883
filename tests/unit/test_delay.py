"""The delay that people see begins when a segment was finished, not when the tracker got round to telling it."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.core.notices import SINCE
from app.gateway.feed import _began


def record(timestamp: int, *headers: tuple[str, bytes]) -> Any:
    return SimpleNamespace(timestamp=timestamp, headers=headers)


def test_a_notice_is_as_old_as_its_fact() -> None:
    assert _began(record(9_000, (SINCE, b"1.500"))) == 1.5


def test_a_notice_that_does_not_say_so_is_as_old_as_itself() -> None:
    assert _began(record(9_000)) == 9.0


def test_a_forged_age_is_no_number() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        _began(record(9_000, (SINCE, b"long ago")))
