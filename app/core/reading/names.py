"""What headers are called: the lists in `headers/`, and how a header is looked up in them.

A list of a *product* has its headers as they are written; `{n}` stands for a number. A list of a *language* has words,
and a header is understood when it consists of them: "Telefon geschäftlich 2" is a phone, at work, the second one.
What they mean together says `meaning.py`. The words of `words.json` belong to every language.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import msgspec

from app.core.reading.meaning import Guess, Parsed, meaning

MOST_TOKENS = 24
"""A header of more words (in Chinese, Japanese, Korean: characters) is a sentence."""


# --- a header as it is looked up

_IDEOGRAPHS = "\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"
_TOKEN = re.compile(rf"\{{n\}}|\d+|[{_IDEOGRAPHS}]|[^\W\d_{_IDEOGRAPHS}]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_E_MAIL = re.compile(r"\be[-‐‑–_. ]?(?=mail)")
_ELISION = re.compile(r"\b(d|l|dell|nell|all|sull)(?:['’])(?=\w)")


@lru_cache(maxsize=8_192)
def folded(header: str) -> str:
    """A header as it is looked up: its words, where case, width, punctuation and camel case make no difference."""
    text = unicodedata.normalize("NFKC", _CAMEL.sub(" ", header)).casefold()
    if not text.isascii():
        # The capital İ of Turkish folds into two characters.
        text = text.replace("i̇", "i")
    if "'" in text or "’" in text:
        text = _ELISION.sub(r"\1 ", text).replace("'", "").replace("’", "")
    return " ".join(_TOKEN.findall(_E_MAIL.sub("e", text)))


_NO_ACCENT = str.maketrans({"ł": "l", "ø": "o", "ı": "i", "đ": "d", "æ": "ae", "œ": "oe"})
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae"})


def unaccented(key: str) -> str:
    """A key without its accents."""
    if key.isascii():
        return key
    marks = unicodedata.normalize("NFKD", key.translate(_NO_ACCENT))
    return unicodedata.normalize("NFC", "".join(mark for mark in marks if not unicodedata.combining(mark)))


_LAST_LATIN = "\u024f"


def _typed_plainly(key: str) -> Iterator[str]:
    """How a key is typed by someone without its accents: in ASCII, or not at all. In capitals Turkish loses its ı."""
    if "ı" in key:
        yield key.replace("ı", "i")
    if not key.isascii() and max(key) <= _LAST_LATIN:
        for form in (unaccented(key), unaccented(key.translate(_SPELT_OUT))):
            if form.isascii():
                yield form


# --- lists of products


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """The headers of one product. Two of its `marks`, which no other product has, are enough to know it."""

    name: str
    headers: Mapping[str, Guess]
    marks: frozenset[str]

    def guess(self, key: str) -> Guess | None:
        """What a header (as `folded`) is."""
        exact = self.headers.get(key)
        if exact is not None:
            return exact if exact.group else replace(exact, group=key)
        numbers = _NUMBER.findall(key)
        if len(numbers) != 1:
            return None
        found = self.headers.get(_NUMBER.sub("{n}", key))
        if found is None:
            return None
        return replace(found, group=found.group.replace("{n}", f"#{int(numbers[0])}") or key)


_NUMBER = re.compile(r"\b\d{1,2}\b")


# --- lists of languages


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """The words of one language, each a phrase of at most `longest` tokens."""

    name: str
    headers: Mapping[str, Guess]
    phrases: Mapping[str, str]
    longest: int

    def guess(self, key: str) -> Guess | None:
        """What a header (as `folded`) is, if all of it is known."""
        exact = self.headers.get(key)
        if exact is not None:
            return replace(exact, group=exact.group or key)
        parsed = self.parse(key.split())
        return None if parsed.unknown else meaning(parsed)

    def parse(self, tokens: Sequence[str]) -> Parsed:
        """Cuts a header into known phrases, from left to right, the longest first."""
        nouns: list[str] = []
        labels: list[str] = []
        unknown: list[str] = []
        number = None
        at = 0
        while at < len(tokens):
            for end in range(min(len(tokens), at + self.longest), at, -1):
                found = self.phrases.get(" ".join(tokens[at:end]))
                if found is None:
                    continue
                if found[0] == "+":
                    labels.append(found[1:])
                elif found != "-":
                    nouns.append(found)
                at = end
                break
            else:
                token = tokens[at]
                at += 1
                if token.isdecimal() and len(token) <= 2 and number is None:
                    number = int(token)
                else:
                    unknown.append(token)
        return Parsed(tuple(dict.fromkeys(nouns)), tuple(dict.fromkeys(labels)), number, tuple(unknown))


# --- all lists


@dataclass(frozen=True, slots=True)
class Lists:
    """All lists. `starts` tells which languages have a phrase that begins with a token."""

    products: tuple[Product, ...]
    languages: Mapping[str, Language]
    starts: Mapping[str, tuple[Language, ...]]


@cache
def lists() -> Lists:
    """The lists of `headers/`, read once."""
    folder = files(__package__) / "headers"
    found = {
        path.name: msgspec.json.decode(path.read_bytes()) for path in folder.iterdir() if path.name[-5:] == ".json"
    }
    common = found.pop("words.json")["words"]
    products = [_product(data) for _, data in sorted(found.items()) if "words" not in data]
    shared = {key: concepts[-1] for key, concepts in _phrases(common).items()}
    spoken = [_language(data, shared) for _, data in sorted(found.items()) if "words" in data]
    spoken.sort(key=lambda language: language.name != "English")
    starts: dict[str, dict[str, Language]] = {}
    for language in spoken:
        for phrase in (*language.phrases, *language.headers):
            starts.setdefault(phrase.partition(" ")[0], {})[language.name] = language
    return Lists(
        tuple(products),
        {language.name: language for language in spoken},
        {token: tuple(those.values()) for token, those in starts.items()},
    )


def _product(data: dict[str, Any]) -> Product:
    return Product(data["name"], _exact(data["headers"]), frozenset(map(folded, data.get("marks", ()))))


def _language(data: dict[str, Any], shared: Mapping[str, str]) -> Language:
    own = _phrases(data["words"])
    alone = ((key, _alone(concepts[0])) for key, concepts in own.items() if len(concepts) > 1)
    nouns = {key: guess for key, guess in alone if guess is not None}
    phrases = {**shared, **{key: concepts[-1] for key, concepts in own.items()}}
    longest = max(phrase.count(" ") + 1 for phrase in phrases)
    return Language(data["name"], {**nouns, **_exact(data.get("headers", {}))}, phrases, longest)


def _alone(concept: str) -> Guess | None:
    return None if concept[0] in "+-" else meaning(Parsed((concept,), (), None, ()))


def _exact(headers: dict[str, Any]) -> dict[str, Guess]:
    return {
        folded(header): Guess(**({"field": entry} if isinstance(entry, str) else entry))
        for header, entry in headers.items()
    }


def _phrases(words: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Phrase -> what it means alone, and what it adds to other words, if that is something else.

    Of words there are lines with `|` between phrases. Without accents a phrase is known too, as it is often typed.
    """
    exact: dict[str, tuple[str, ...]] = {}
    for concept in sorted(words, key=lambda concept: "+-".find(concept[0])):
        for phrase in words[concept].split("|"):
            key = folded(phrase)
            exact[key] = tuple(dict.fromkeys((*exact.get(key, ()), concept)))
    typed = {form: concepts for key, concepts in exact.items() for form in _typed_plainly(key) if form not in exact}
    return exact | typed


@lru_cache(maxsize=16_384)
def readings(key: str) -> tuple[tuple[str, Guess], ...]:
    """What a header (as `folded`) is in each language that knows all of its words: English first."""
    tokens = key.split()
    if not tokens or len(tokens) > MOST_TOKENS:
        return ()
    first = next((token for token in tokens if not token.isdecimal()), "")
    found = []
    for language in lists().starts.get(first, ()):
        guess = language.guess(key)
        if guess is not None:
            found.append((language.name, guess))
    return tuple(found)


@lru_cache(maxsize=16_384)
def known(key: str) -> Guess | None:
    """What any list makes of a header (as `folded`): languages first, then products; a letter or two may be data."""
    for _, guess in readings(key):
        return guess
    products = lists().products if len(key) > 2 else ()
    return next((guess for guess in (product.guess(key) for product in products) if guess), None)
