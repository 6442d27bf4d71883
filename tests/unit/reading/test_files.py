"""Every file of the corpus is read as a person would want it."""

from functools import cache

import pytest

from tests.reading import FILES, Verdict, cases, judge
from tests.reading.score import PAGE, written

CASES = {case.name: case for case in cases()}
MEMBERS = {"about", "defaults", "given", "expect", "contacts", "problems", "warnings", "rejected"}


@cache
def verdict(name: str) -> Verdict:
    return judge(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_read_right(name: str) -> None:
    assert [str(difference) for difference in verdict(name).differences] == []


def test_each_file_says_what_is_expected_of_it() -> None:
    for case in CASES.values():
        assert set(case.expected) <= MEMBERS, case.name
        assert case.expected["about"]
        assert ("contacts" in case.expected) != ("rejected" in case.expected), case.name
    told = {path.stem for path in FILES.glob("*/*.json")}
    assert told == {case.path.stem for case in CASES.values()}


def test_the_page_has_the_score_of_these_files_and_all_codes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    same = written(page, [verdict(name) for name in CASES]) == page
    assert same, "run `python -m tests.reading.score --markdown`"
