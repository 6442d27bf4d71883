"""What the bench makes of what it hears while importers come and go."""

from bench.scaling import rate


def test_a_rate_is_that_between_what_was_told_last_before_each_moment() -> None:
    known = [(1.0, 0), (2.0, 100), (3.0, 300), (9.0, 400)]
    assert rate(known, 2.0, 3.5) == 200
    assert rate(known, 3.2, 10.0) == 100 / 6
    assert rate(known, 0.5, 2.0) == 100


def test_where_nothing_was_told_there_is_no_rate() -> None:
    assert rate([(1.0, 0), (2.0, 100)], 2.1, 2.2) == 0
