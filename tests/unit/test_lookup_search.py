"""Words are the same when they are written and when they are asked for."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import search


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ångström", "angstrom"),
        ("ANGSTROM", "angstrom"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("Søren Ærø", "soren aero"),
        ("İstanbul", "istanbul"),
        ("ﬁne", "fine"),
        ("山田", "山田"),
        ("А́нна", "анна"),
    ],
)
def test_case_and_accents_make_no_difference(text: str, folded: str) -> None:
    assert search.fold(text) == folded


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert search.fold(search.fold(text)) == search.fold(text)


@given(st.text())
def test_words_hold_nothing_that_a_query_would_have_to_escape(text: str) -> None:
    for word in search.words(text):
        assert word.isalnum() or not set(word) & set("'\\ :&|!()*<>\t\r\n\0")
        assert 0 < len(word) <= search.WORD_LENGTH


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("Ann  Lee ann", ["ann", "lee"]),
        ("+49 (0)170/12-34", ["4901701234"]),
        ("0049 170", ["49170"]),
        ("12", ["12"]),
        ("1 2", ["1", "2"]),
        ("a_b.c@d-e", ["a", "b", "c", "d", "e"]),
        ("", []),
    ],
)
def test_a_search_is_words_or_one_telephone_number(query: str, asked: list[str]) -> None:
    assert search.asked(query) == asked


def test_a_long_word_is_still_found_by_its_beginning() -> None:
    long = "x" * 100
    assert search.words(long) == ["x" * 64, "x" * 36]
    assert search.asked(long[:70]) == ["x" * 64, "x" * 6]


def test_a_question_escapes_what_people_write() -> None:
    facets: list[tuple[search.Facet, str]] = [("label", "It's \\ & | !"), ("company", "x" * 100)]
    question = search.together(search.conditions("0000", ["ann"], facets))
    assert question.startswith("'0000lIt''s \\\\ & | !' & '0000c")
    assert question.endswith(" & '0000wann':*")
    assert len(question) < 100


def test_a_long_value_is_known_by_its_hash() -> None:
    one, other = (search.facet_token("0000", "l", "x" * 65 + end) for end in "ab")
    assert one != other
    assert len(one) < 64


def test_two_workspaces_seldom_share_the_beginning_of_their_tokens() -> None:
    assert len({search.scope(uuid4()) for _ in range(100)}) > 90
    assert search.scope(UUID(int=5)) == search.scope(UUID(int=5))


@given(st.lists(st.text(alphabet="aé漢", min_size=1, max_size=64), max_size=2000))
def test_tokens_fit_into_a_page_and_the_first_ones_stay(words: list[str]) -> None:
    text = search.lexemes("0000", [("l", "VIP")], words)
    assert len(text.encode()) <= search.TOKENS_BYTES
    assert text.startswith("'0000lVIP' '0000w")
    assert text.endswith("'")
