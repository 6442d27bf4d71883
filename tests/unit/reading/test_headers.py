"""The lists of header names are data; what they say must be something a plan can say."""

import json
from collections.abc import Mapping
from importlib.resources import files

import msgspec
import pytest

from app.core.contacts import SCALARS
from app.core.reading import columns, names, plans
from app.core.reading.meaning import Guess, meaning
from app.core.reading.names import Language, Product

LANGUAGES = tuple(names.lists().languages.values())
PRODUCTS = names.lists().products


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
def test_every_listed_header_makes_a_column_that_a_plan_may_have(product: Product) -> None:
    assert product.headers
    _check({key.replace("{n}", "1"): guess for key, guess in product.headers.items()})
    assert all(product.guess(mark) for mark in product.marks)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_every_listed_phrase_means_something_that_a_plan_may_have(language: Language) -> None:
    meanings = {
        phrase: meaning(language.parse(phrase.split()))
        for phrase, concept in language.phrases.items()
        if concept[0] not in "+-" and concept != "label"
    }
    assert None not in meanings.values()
    _check({**language.headers} | {phrase: guess for phrase, guess in meanings.items() if guess})


def _check(meanings: Mapping[str, Guess]) -> None:
    allowed = _allowed()
    for header, guess in meanings.items():
        assert (guess.field, guess.part) in allowed, header
    headers = list(meanings)
    for start in range(0, len(headers), 400):
        found, _ = columns.recognise(headers[start : start + 400], [])
        plans.parse({"columns": msgspec.to_builtins(found)})


def test_no_list_says_two_things_of_one_phrase() -> None:
    for path in (files(names.__package__) / "headers").iterdir():
        words = json.loads(path.read_bytes()).get("words", {})
        for phrase, concepts in names._phrases(words).items():
            nouns = [concept for concept in concepts if concept[0] not in "+-"]
            assert len(set(nouns)) <= 1, (path.name, phrase, concepts)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_every_language_has_words_for_what_address_books_hold(language: Language) -> None:
    concepts = set(language.phrases.values())
    needed = {"given", "family", "company", "department", "title", "notes", "labels", "+work", "+home", "emails"}
    needed |= {"phones", "phones:mobile", "phones:fax", "urls", "birthday.whole"}
    needed |= {f"addresses.{part}" for part in ("whole", "street", "city", "region", "postal_code", "country")}
    assert needed <= concepts, needed - concepts


def test_english_comes_first_and_decides_without_a_product() -> None:
    assert LANGUAGES[0].name == "English"
    title = columns.known("title")
    assert title is not None
    assert title.field == "title"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("E-mail 2 - Value", "email 2 value"),
        ("firstName", "first name"),
        ("FIRST_NAME", "first name"),
        ("Assistant's Phone", "assistants phone"),
        ("Nom de l'entreprise", "nom de l entreprise"),
        ("Business Country/Region", "business country region"),
        ("email2", "email 2"),
        ("  Jose\u0301 ", "josé"),
        ("ＦＡＸ番号", "fax 番 号"),
        ("İŞ", "iş"),
        ("***", ""),
    ],
)
def test_headers_are_compared_without_their_looks(header: str, key: str) -> None:
    assert columns.folded(header) == key


@pytest.mark.parametrize(("written", "typed"), [("Prénom", "Prenom"), ("Straße", "Strasse"), ("Büro", "Buero")])
def test_accents_may_be_left_out_but_not_be_other_ones(written: str, typed: str) -> None:
    phrases = names._phrases({"given": written})
    assert phrases[names.folded(written)] == phrases[names.folded(typed)] == ("given",)
    assert names.folded("Prênom") not in phrases


def test_a_number_in_a_header_makes_groups() -> None:
    google = next(product for product in PRODUCTS if product.name == "Google Contacts")
    street, city = google.guess("address 12 street"), google.guess("address 12 city")
    assert street is not None
    assert city is not None
    assert street.group == city.group == "#12"
    other = google.guess("address 2 street")
    assert other is not None
    assert other.group != street.group


def test_a_sentence_or_a_stranger_is_nobody_s_header() -> None:
    assert columns.known("first name " * 20) is None
    assert columns.known("zebra") is None
    assert columns.known("") is None


def _allowed() -> set[tuple[str, str | None]]:
    parts: dict[str, tuple[str | None, ...]] = {
        "emails": (None, "label"),
        "phones": (None, "label"),
        "urls": (None, "label"),
        "addresses": ("label", "whole", "street", "city", "region", "postal_code", "country"),
        "name": ("full", "last_first"),
        "birthday": ("whole", "year", "month", "day"),
    }
    single = {"none", "custom", "labels", *SCALARS} - set(parts)
    allowed: set[tuple[str, str | None]] = {(name, None) for name in single}
    return allowed | {(name, part) for name, found in parts.items() for part in found}
