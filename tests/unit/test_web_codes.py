"""Sign-in codes as people type them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from app.web import codes


def test_a_code_is_six_groups_of_four_without_look_alikes() -> None:
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}", codes.new_code())


def test_no_two_codes_are_the_same() -> None:
    assert len({codes.new_code() for _ in range(1000)}) == 1000


@given(st.data())
def test_a_code_may_be_typed_with_any_case_spaces_and_dashes(data: st.DataObject) -> None:
    code = codes.new_code()
    letters = [data.draw(st.sampled_from([letter, letter.lower()])) for letter in code if letter != "-"]
    typed = "".join(letter + data.draw(st.sampled_from(["", " ", "-"])) for letter in letters)
    assert codes.digest(typed) == codes.digest(code)


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert codes.digest("o0iIlL") == codes.digest("001111")


def test_another_code_has_another_digest() -> None:
    assert codes.digest("AAAA") != codes.digest("AAAB")
