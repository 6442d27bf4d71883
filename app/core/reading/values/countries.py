"""Names of countries in some thirty languages -> ISO 3166-1 codes."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from app.core.reading.values.data import load
from app.core.reading.values.texts import unaccented

_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "Ö": "Oe", "Ä": "Ae"})
_BETWEEN = re.compile(r"[\W_]+")


@lru_cache(maxsize=16_384)
def country(cell: str) -> str:
    """`Deutschland`, `UK`, `de` -> `DE`, `GB`, `DE`; what is no country that we know stays as it is."""
    if len(cell) > 80:
        return cell
    return _codes().get(_folded(cell), cell)


def country_name(code: str) -> str:
    """The English name of a code; what is none stays as it is."""
    names = _names().get(code)
    return names[0] if names else code


@cache
def _names() -> dict[str, list[str]]:
    names: dict[str, list[str]] = load("countries")
    return names


@cache
def _codes() -> dict[str, str]:
    """Folded name -> code. A name that two countries have means neither."""
    found: dict[str, set[str]] = {}
    for code, names in _names().items():
        for key in {code.lower(), *(key for name in names for key in _keys(name))}:
            found.setdefault(key, set()).add(code)
    return {key: codes.pop() for key, codes in found.items() if len(codes) == 1}


def _keys(name: str) -> Iterator[str]:
    yield _folded(name)
    yield _folded(name.translate(_SPELT_OUT))


def _folded(name: str) -> str:
    """Case, accents and punctuation make no difference; `U.K.` is `UK`."""
    return _BETWEEN.sub(" ", unaccented(name).replace(".", "")).strip()
