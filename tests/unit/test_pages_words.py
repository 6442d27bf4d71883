"""The catalogue of everything the pages say."""

import re
from typing import get_args

import pytest

from app.core.reading import problems
from app.web import words
from app.web.problems import STATUS
from app.web.templates import FRONTEND, environment

TEMPLATES = sorted((FRONTEND / "templates").rglob("*.html"))
_SAYS = re.compile(r"""\bsay\("([a-z_.]+)"[,)]""")
_RAISED = re.compile(
    r"""\b(?:Rejected|Conflict|Failure|Unread|Interrupted|_refuse\w*|super\(\)\.__init__)\(\s*(?:code=)?"([a-z_]+)","""
)
_CODED = re.compile(r"""\bcode="([a-z_]+)",""")
_BEGINS = re.compile(r"""\bsay\("([a-z_.]+[._])" ~""")


def test_a_sentence_has_its_names_filled_in_once() -> None:
    assert words.say("common.bar", name="{n}") == "Progress of {n}"


def test_the_number_chooses_the_form() -> None:
    assert words.say("import.rows", n=1) == "row"
    assert words.say("import.rows", n=0) == "rows"


def test_a_missing_word_is_found() -> None:
    with pytest.raises(KeyError):
        words.say("common.nothing_like_that")
    assert not words.known("common.nothing_like_that")
    assert words.known("codes.not_found")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_only_what_is_in_the_catalogue(template: object) -> None:
    text = template.read_text("utf-8")  # type: ignore[attr-defined]
    for key in _SAYS.findall(text):
        assert words.known(key), key
    for beginning in _BEGINS.findall(text):
        section, _, prefix = beginning.rpartition(".")
        found = words.catalogue()
        for name in section.split("."):
            found = found[name]
        assert any(name.startswith(prefix) for name in found), beginning


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_inline_script_and_no_inline_style(template: object) -> None:
    text = template.read_text("utf-8")  # type: ignore[attr-defined]
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script or 'type="application/json"' in script


def test_every_template_compiles() -> None:
    for template in TEMPLATES:
        environment().get_template(str(template.relative_to(FRONTEND / "templates")))


def _codes() -> set[str]:
    """Every code that an answer of the API, a failed import or a row can have; commands speak for themselves."""
    folders = ("app/core", "app/web", "app/jobs", "app/connections", "workers/fetcher", "workers/importer")
    files = [path for folder in folders for path in sorted((FRONTEND.parent / folder).rglob("*.py"))]
    sources = [path.read_text("utf-8") for path in files]
    raised = {code for text in sources for pattern in (_RAISED, _CODED) for code in pattern.findall(text)}
    return raised | set(STATUS) | set(get_args(problems.Code))


def test_every_code_has_its_own_sentence() -> None:
    assert _codes() - set(words.catalogue()["codes"]) == set()


def test_no_sentence_is_left_of_a_code_that_is_gone() -> None:
    in_the_browser = {"no_answer", "unknown"}
    assert set(words.catalogue()["codes"]) - _codes() - in_the_browser == set()


def test_every_way_on_belongs_to_a_code() -> None:
    assert set(words.catalogue()["trouble"]["way"]) <= set(words.catalogue()["codes"])
