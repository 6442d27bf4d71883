"""How a contact is found: words folded alike when written and when asked for, and one token for each way in.

A token is what the read model's index holds: four characters for the workspace (so that one workspace's words do not
slow down another's), one for the kind, and the folded text. Words are looked up by prefix, all others whole.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Literal
from unicodedata import combining, normalize
from uuid import UUID

Facet = Literal["label", "company", "domain", "import"]
"""The ways to look up contacts by a whole value."""
LETTERS: dict[Facet, str] = {"label": "l", "company": "c", "domain": "d", "import": "i"}
"""The letter that stands for each in the read model."""
ALL = "a"
"""The letter under which every contact is counted, with an empty value."""
CUSTOM = "k"
"""The letter under which the names of custom values are counted."""

WORD_LENGTH = 64
"""Characters of a word that count."""
VALUE_LENGTH = 200
"""Characters of a label or company that count: an index entry has its limits."""
TOKENS_BYTES = 6_000
"""All tokens of a contact together, which a page of the table must hold; a contact is found by its first words."""

_WORD = re.compile(rf"[^\W_]{{1,{WORD_LENGTH}}}")
_NUMBER = re.compile(r"[\d\s()+./-]*\d[\d\s()+./-]*\d[\d\s()+./-]*\d[\d\s()+./-]*")
_NOT_DIGIT = re.compile(r"[^0-9]")
# Letters that people type plain although Unicode does not take them apart.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})


def fold(text: str) -> str:
    """`text` without case and accents: "Ångström" and "angstrom" are one."""
    return text.lower() if text.isascii() else _fold(text)


@lru_cache(maxsize=16_384)
def _fold(text: str) -> str:
    decomposed = normalize("NFKD", text.casefold())
    return "".join([mark for mark in decomposed if not combining(mark)]).casefold().translate(_PLAIN)


def words(*texts: str) -> list[str]:
    """The folded words of some texts; longer ones than WORD_LENGTH are several."""
    joined = " ".join(texts)
    if joined.isascii():
        return _WORD.findall(joined.lower())
    return _WORD.findall(" ".join([fold(text) for text in texts]))


def digits(number: str) -> str:
    """A telephone number as it is looked up: its digits, without a leading 00."""
    return _NOT_DIGIT.sub("", number).removeprefix("00")[:WORD_LENGTH]


def asked(query: str) -> list[str]:
    """The words of a search; one that can only be a telephone number is one word of digits."""
    if _NUMBER.fullmatch(query):
        return [digits(query)]
    return list(dict.fromkeys(words(query)))


def value(text: str) -> str:
    """A label or company as it is counted and looked up: what two contacts must share to be in one look-up."""
    if "\x00" in text or "\x1e" in text:
        text = text.replace("\x00", "").replace("\x1e", "")
    return text[:VALUE_LENGTH]


def scope(workspace: UUID) -> str:
    """The first four characters of every token of a workspace. Others may share them: tokens narrow, rows decide."""
    return f"{int.from_bytes(workspace.bytes[:2]) ^ int.from_bytes(workspace.bytes[-2:]):04x}"


def facet_token(scope: str, letter: str, whole: str) -> str:
    """The quoted token of a whole value; a long one is known by its hash."""
    if len(whole) > WORD_LENGTH:
        whole = blake2b(whole.encode(), digest_size=16).hexdigest()
    if "'" in whole or "\\" in whole:
        whole = whole.replace("\\", "\\\\").replace("'", "''")
    return f"'{scope}{letter}{whole}'"


def word_token(scope: str, word: str) -> str:
    """The quoted token of a folded word, which needs no escaping."""
    return f"'{scope}w{word}'"


def lexemes(scope: str, facets: Iterable[tuple[str, str]], words: Iterable[str]) -> str:
    """The text of a contact's tsvector: its facets (letter, value) and folded words, all or as many as fit."""
    text = " ".join([facet_token(scope, letter, whole) for letter, whole in facets])
    text += f" '{scope}w" + f"' '{scope}w".join(words) + "'"
    return text if 4 * len(text) <= TOKENS_BYTES else _cut(text)


def _cut(text: str) -> str:
    whole = text.encode()
    return text if len(whole) <= TOKENS_BYTES else whole[: whole.rindex(b" '", 0, TOKENS_BYTES)].decode()


def conditions(scope: str, words: Iterable[str], facets: Iterable[tuple[Facet, str]]) -> list[str]:
    """A search as tsqueries: every word begins one of the contact's words, every facet is one of its own."""
    parts = [facet_token(scope, LETTERS[facet], whole) for facet, whole in facets]
    return parts + [word_token(scope, word) + ":*" for word in words]


def together(conditions: Iterable[str]) -> str:
    """The tsquery of all who meet all of these."""
    return " & ".join(conditions)
