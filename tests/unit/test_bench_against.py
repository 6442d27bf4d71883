"""A bench beside an earlier one: lines are found again, and worse is called worse, whatever the unit."""

from pathlib import Path

import pytest

from bench import against
from bench.report import Figure, save, show


def figure(value: str, what: str = "all new, 1,000 rows") -> Figure:
    return Figure(what=what, value=value, goal="", met=None, detail={"seconds": 1})


@pytest.mark.parametrize(
    ("before", "now", "ratio"),
    [
        ("100,000 rows/s", "50,000 rows/s", 0.5),
        ("26,000 rows/s = 0.26 of raw COPY", "20,000 rows/s = 0.39 of raw COPY", 1.5),
        ("p50 10.0 ms, p99 20.0 ms", "p50 20.0 ms, p99 20.0 ms", 0.5),
        ("median 0.10 s, worst 3.00 s", "median 0.05 s, worst 4.00 s", 2.0),
        ("17.0 KiB (a bare server: 14.0)", "34.0 KiB (a bare server: 14.0)", 0.5),
        ("+20 MiB", "+10 MiB", 2.0),
        ("4.7/s, 28.2/s: 6.0 times", "9.4/s, 28.2/s: 3.0 times", 2.0),
        ("exact", "exact", None),
        ("+0 MiB", "+10 MiB", None),
        ("12 rows/s", "0.5 s", None),
    ],
)
def test_a_ratio_above_one_is_better(before: str, now: str, ratio: float | None) -> None:
    (pair,) = against.pairs([figure(now)], [figure(before)])
    assert pair.ratio == (None if ratio is None else pytest.approx(ratio))


def test_a_line_is_found_again_with_other_numbers_in_its_words() -> None:
    before = [figure("1/s", "search, 890,000+ contacts"), figure("5/s", "counts, 890,000+ contacts")]
    now = [figure("10/s", "counts, 1,000,000+ contacts"), figure("2/s", "search, 1,000,000+ contacts")]
    assert [pair.ratio for pair in against.pairs(now, before)] == [2.0, 2.0]


def test_lines_with_the_same_words_are_compared_in_their_order() -> None:
    before = [figure("1/s", "100 rows"), figure("10/s", "1,000 rows")]
    now = [figure("2/s", "100 rows"), figure("10/s", "1,000 rows")]
    assert [pair.ratio for pair in against.pairs(now, before)] == [2.0, 1.0]


def test_a_new_line_has_nothing_beside_it() -> None:
    (pair,) = against.pairs([figure("1/s", "brand new")], [figure("1/s", "old")])
    assert pair.before is None
    assert pair.ratio is None


def test_what_is_worse_is_marked_and_noise_is_not() -> None:
    before = [figure("100/s", "a"), figure("100/s", "b"), figure("100/s", "c"), figure("100 ms", "d")]
    now = [figure("80/s", "a"), figure("95/s", "b"), figure("130/s", "c"), figure("130 ms", "d")]
    marks = [line[0] for line in against.show(now, before).splitlines()[1:]]
    assert marks == ["▼", " ", "▲", "▼"]


def test_what_was_saved_is_compared_with_itself_as_equal(tmp_path: Path) -> None:
    figures = [figure("100/s"), figure("exact", "counts")]
    save(figures, tmp_path / "results" / "bench.json")
    loaded = against.load(tmp_path / "results" / "bench.json")
    assert loaded == figures
    assert [pair.ratio for pair in against.pairs(figures, loaded)] == [1.0, None]
    assert show(loaded) == show(figures)
