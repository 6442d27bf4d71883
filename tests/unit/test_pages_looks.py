"""What templates say about states and contacts."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.web import looks

PEOPLE: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "people.json").read_text("utf-8"))


def state(**changes: Any) -> dict[str, Any]:
    blank = {"status": "running", "source": "file", "size": 100, "bytes_received": 0, "bytes_done": 0, "parts": None}
    return {**blank, **changes}


@pytest.mark.parametrize("case", PEOPLE, ids=lambda case: case["title"])
def test_a_person_looks_the_same_everywhere(case: dict[str, Any]) -> None:
    contact = case["contact"]
    seen = {
        "title": looks.title(contact),
        "initials": looks.initials(contact),
        "tone": looks.tone(contact),
        "work": looks.work(contact),
    }
    assert seen == {name: value for name, value in case.items() if name != "contact"}


def test_received_and_done_are_shares_of_the_whole_file() -> None:
    assert looks.shares(state(bytes_received=62, bytes_done=40)) == (0.62, 0.4)


def test_done_never_overtakes_received() -> None:
    assert looks.shares(state(bytes_received=30, bytes_done=90)) == (0.3, 0.3)


def test_only_a_finished_import_is_all_done() -> None:
    assert looks.shares(state(status="finished", size=0)) == (1.0, 1.0)
    assert looks.shares(state(status="failed", bytes_received=20, bytes_done=10)) == (0.2, 0.1)


def test_a_sealed_file_is_all_received_though_its_text_has_fewer_bytes() -> None:
    assert looks.shares(state(bytes_received=90, bytes_done=45, parts=4))[0] == 1.0


def test_nothing_known_is_nothing_done() -> None:
    assert looks.shares(state(size=None)) == (0.0, 0.0)


def test_an_address_has_the_lines_that_it_has() -> None:
    whole = {"street": "Gartenweg 12\nRear", "postal_code": "04109", "city": "Leipzig", "country": "DE"}
    assert looks.address(whole) == ["Gartenweg 12", "Rear", "04109 Leipzig", "Germany"]
    assert looks.address({"city": "Leipzig"}) == ["Leipzig"]


def test_filters_become_an_address_without_what_is_not_filtered() -> None:
    filters = {"q": "Jürgen & co", "label": None, "company": ""}
    assert looks.query(filters) == "?q=J%C3%BCrgen+%26+co"
    assert looks.query(filters, q=None) == ""
    assert looks.query(filters, q=None, label="a/b") == "?label=a%2Fb"


@pytest.mark.parametrize(
    ("gone", "deleted", "told"),
    [
        (0, 0, ""),
        (1, 0, "1 person is gone at the source; nobody was removed here"),
        (1200, 12, "1,200 people are gone at the source; 12 were removed here"),
        (0, 2, "2 people gone at the source were removed here"),
    ],
)
def test_who_is_gone_at_the_source_is_told_in_words(gone: int, deleted: int, told: str) -> None:
    assert looks.gone({"gone": gone, "deleted": deleted}, "{:,}".format) == told


def test_the_stage_of_an_import_is_what_makes_a_card_look_different() -> None:
    def stage(status: str, visible: bool = False) -> str:
        return looks.stage({"status": status, "visible": visible})

    assert (stage("requested"), stage("running")) == ("running", "running")
    assert (stage("finished"), stage("failed"), stage("cancelled")) == ("finished", "failed", "cancelled")
    assert stage("finished", visible=True) == "visible"
    assert looks.stage(None) == ""


def test_a_failure_is_told_by_its_reason_and_what_helps() -> None:
    assert looks.reason({"code": "nothing_recognised", "detail": "x"}) == "We found nobody in this file"
    assert looks.way_on({"code": "nothing_recognised", "detail": "x"}).startswith("Is it the right file")
    assert looks.way_on({"code": "internal", "detail": "x"}) == ""
    assert looks.reason({"code": "of_tomorrow", "detail": "x"}) == "That did not work"
    assert looks.reason(None) == looks.way_on(None) == ""
