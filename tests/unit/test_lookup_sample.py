"""What a sample of contacts tells of all of them."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.sample import Sample

FIRST, SECOND, THIRD = 1, 2, 4


def test_who_meets_some_conditions_is_counted_whatever_else_they_meet() -> None:
    sample = Sample(900_000, {FIRST | SECOND: 30, FIRST: 20, 0: 4_950})
    assert (sample.meet(FIRST), sample.meet(SECOND), sample.meet(FIRST | SECOND), sample.meet(0)) == (50, 30, 30, 5_000)


@pytest.mark.parametrize(
    ("met", "sure"), [(5_000, True), (1_000, True), (150, True), (100, False), (56, False), (1, False), (0, False)]
)
def test_only_what_chance_cannot_bring_about_is_surely_more(met: int, sure: bool) -> None:
    assert Sample(900_000, {FIRST: met, 0: 5_000 - met}).surely_more(10_000, FIRST) is sure


def test_nobody_is_surely_more_than_nobody_where_there_is_no_sample() -> None:
    assert not Sample(900_000, {}).surely_more(0, FIRST)


def test_a_sample_is_not_taken_in_by_chance() -> None:
    random = Random(1)
    for _ in range(200):
        met = sum(random.random() < 10_000 / 900_000 for _ in range(5_000))
        assert not Sample(900_000, {FIRST: met, 0: 5_000 - met}).surely_more(10_000, FIRST)


def test_a_word_that_everybody_has_is_not_worth_asking_for_beside_a_rare_one() -> None:
    assert Sample(900_000, {FIRST | SECOND: 50, SECOND: 4_950}).worth_asking(FIRST | SECOND) == FIRST
    assert Sample(900_000, {SECOND: 1_500, 0: 3_500}).worth_asking(FIRST | SECOND) == FIRST


def test_two_words_that_few_share_are_both_worth_asking_for() -> None:
    sample = Sample(900_000, {FIRST: 190, SECOND: 190, FIRST | SECOND: 7, 0: 4_613})
    assert sample.worth_asking(FIRST | SECOND) == FIRST | SECOND


@given(st.dictionaries(st.integers(0, 15), st.integers(0, 5_000)), st.integers(1, 15))
def test_something_is_always_asked_for_and_nothing_that_was_not_wanted(met: dict[int, int], wanted: int) -> None:
    asked = Sample(900_000, met).worth_asking(wanted)
    assert asked
    assert asked & ~wanted == 0


@given(st.lists(st.integers(0, 7), min_size=1, max_size=200))
def test_what_is_left_out_adds_few_rows(contacts: list[int]) -> None:
    sample = Sample(900_000, Counter(contacts))
    every = FIRST | SECOND | THIRD
    added = sample.meet(sample.worth_asking(every)) - sample.meet(every)
    assert added * 10 <= 3 * max(map(sample.meet, (FIRST, SECOND, THIRD)))
