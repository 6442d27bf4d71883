"""Headers that are nearly known: two words written as one, a letter too many, too few, or another."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from app.core.reading.names import Language

_LEAST = 5
"""Shorter words are not mended, nor into ones shorter by two: too many are one letter away from another."""


class Mended(NamedTuple):
    tokens: tuple[str, ...]
    misspelt: bool


def mended(tokens: Sequence[str], language: Language) -> Mended | None:
    """The words of a header with the unknown ones mended; None if there is nothing to mend, or no telling how."""
    joined = "".join(tokens)
    if len(tokens) > 1 and joined in language.phrases:
        return Mended((joined,), misspelt=False)
    as_one = _as_one(language).get(joined)
    if as_one is not None:
        return Mended(tuple(as_one.split()), misspelt=False)
    words = _words(language)
    found: list[str] = []
    misspelt = False
    for token in tokens:
        if token in words or token.isdecimal():
            found.append(token)
            continue
        if len(token) < _LEAST or len(token) > 30:
            return None
        parts = _two_words(token, language)
        if not parts:
            near = _near(token, language)
            if near is None:
                return None
            parts, misspelt = (near,), True
        found.extend(parts)
    return Mended(tuple(found), misspelt) if found != list(tokens) else None


@cache
def _as_one(language: Language) -> dict[str, str]:
    """Phrases by how they look without blanks."""
    return {phrase.replace(" ", ""): phrase for phrase in language.phrases if " " in phrase}


@cache
def _words(language: Language) -> frozenset[str]:
    return frozenset(token for phrase in language.phrases for token in phrase.split())


def _two_words(token: str, language: Language) -> tuple[str, ...]:
    """`homephone` as `home phone`."""
    for at in range(3, len(token) - 2):
        if token[:at] in language.phrases and token[at:] in language.phrases:
            return token[:at], token[at:]
    return ()


def _near(token: str, language: Language) -> str | None:
    """The one word that is a letter away."""
    index = _shortened(language)
    near = {word for form in (token, *_without_one(token)) for word in index.get(form, ()) if _one_apart(token, word)}
    return near.pop() if len(near) == 1 else None


@cache
def _shortened(language: Language) -> dict[str, tuple[str, ...]]:
    """Words by themselves and by all forms that lack one letter: two words one letter apart share a form."""
    found: dict[str, tuple[str, ...]] = {}
    for word in _words(language):
        if len(word) >= _LEAST - 1:
            for form in {word, *_without_one(word)}:
                found[form] = (*found.get(form, ()), word)
    return found


def _without_one(word: str) -> Iterator[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))


def _one_apart(one: str, other: str) -> bool:
    """Whether a letter more, less, another, or two in the wrong order make the difference."""
    if abs(len(one) - len(other)) > 1:
        return False
    at = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    if at is None:
        return True
    if len(one) != len(other):
        longer, shorter = (one, other) if len(one) > len(other) else (other, one)
        return longer[at + 1 :] == shorter[at:]
    swapped = one[at : at + 2][::-1] == other[at : at + 2]
    return one[at + 1 :] == other[at + 1 :] or (swapped and one[at + 2 :] == other[at + 2 :])
