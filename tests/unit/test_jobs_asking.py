"""What a client may ask the jobs service for."""

import json
from uuid import uuid4

import pytest

from app.core.errors import Rejected
from app.jobs import asking


def code_of(call: object, *arguments: object, **named: object) -> str:
    with pytest.raises(Rejected) as refused:
        call(*arguments, **named)  # type: ignore[operator]
    return refused.value.code


def test_the_same_request_has_the_same_digest_however_it_is_written() -> None:
    one = asking.from_json(b'{"source":"file","name":"a.csv","size":3,"plan":{"existing":"skip"}}')
    two = asking.from_json(b'{"plan": {"existing": "skip"}, "size": 3, "name": "a.csv", "source": "file", "new": 1}')
    assert one.digest() == two.digest()
    assert one.digest() != asking.from_json(b'{"source":"file","name":"a.csv","size":4}').digest()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "bad_json"),
        (b"[]", "bad_request"),
        (b"{}", "bad_request"),
        (b'{"source":"ftp"}', "bad_request"),
        (b'{"source":"google"}', "bad_request"),
        (b'{"source":"file","size":-1}', "bad_request"),
        (b'{"source":"file","plan":{"existing":"perhaps"}}', "plan_invalid"),
        (json.dumps({"source": "file", "plan": {"labels": ["x" * 70_000]}}).encode(), "plan_too_large"),
    ],
)
def test_a_wrong_request_is_refused_with_a_code(body: bytes, code: str) -> None:
    assert code_of(asking.from_json, body) == code


def test_a_file_sent_as_the_body_has_its_parameters_in_the_query_and_its_size_from_the_header() -> None:
    asked = asking.from_query({"name": "contacts.csv", "plan": '{"existing":"skip"}'}, 12)
    assert (asked.source, asked.name, asked.size) == ("file", "contacts.csv", 12)
    assert asked.plan is not None
    assert asked.plan.existing == "skip"
    assert asking.from_query({"size": "13"}, None).size == 13
    assert code_of(asking.from_query, {"size": "1e3"}, None) == "bad_request"


def test_a_name_is_one_short_line() -> None:
    assert asking.from_json(b'{"source":"file","name":" a\\r\\nb\\u0000.csv "}').name == "a b .csv"
    assert len(asking.from_json(json.dumps({"source": "file", "name": "n" * 999}).encode()).name) == 255


def test_browsers_must_name_their_request() -> None:
    assert asking.idempotency_key(None, required=False) is None
    assert asking.idempotency_key("k1", required=True) == "k1"
    assert code_of(asking.idempotency_key, None, required=True) == "idempotency_key_required"
    for wrong in ("", " ", "ä", "k" * 256):
        assert code_of(asking.idempotency_key, wrong, required=False) == "bad_request"


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("", 0), ("wait=30", 30), ("respond-async, wait=10", 10), ("wait=3600", 60), ("wait=x", 0), ("await=5", 0)],
)
def test_an_answer_is_held_for_a_minute_at_most(prefer: str, seconds: int) -> None:
    assert asking.wait_seconds(prefer) == seconds


def test_an_id_that_is_none_belongs_to_no_import() -> None:
    known = uuid4()
    assert asking.import_id(str(known)) == known
    assert code_of(asking.import_id, "robots.txt") == "not_found"


@pytest.mark.parametrize(("size", "code"), [(None, None), (10, None), (11, "incomplete"), (65 * 2**20, "too_large")])
def test_a_preview_of_a_container_needs_all_of_it(size: int | None, code: str | None) -> None:
    if code is None:
        asking.whole_container(10, size)
        return
    with pytest.raises(Rejected) as refused:
        asking.whole_container(10, size)
    assert refused.value.code == code
