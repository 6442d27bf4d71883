"""What goes wrong at the simulated providers goes wrong exactly as the script says."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.providers.faults import KINDS
from tests.providers.running import Simulator, running

ADA = "ada@google.example"
THREE = "three@outlook.example"
PEOPLE = "/v1/people/me/connections?personFields=names"
CONTACTS = "/v1.0/me/contacts"
DELTA = "/v1.0/me/contacts/delta"


@pytest.fixture(scope="module")
def started() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def simulator(started: Simulator) -> Simulator:
    started.reset()
    return started


@pytest.mark.parametrize(
    ("form", "header"),
    [("seconds", "2"), ("decimal", "2.000"), ("zero", "0"), ("huge", "3600"), ("garbage", "soon"), ("missing", None)],
)
def test_a_throttle_says_how_long_in_each_form(simulator: Simulator, form: str, header: str | None) -> None:
    headers = simulator.bearer(THREE)
    simulator.fault("throttle", retry_after=form, after=2, match={"endpoint": "contacts"})
    response = simulator.http.get(CONTACTS, headers=headers)
    assert (response.status_code, response.headers.get("retry-after")) == (429, header)


def test_a_throttle_may_say_a_date(simulator: Simulator) -> None:
    headers = simulator.bearer(THREE)
    simulator.fault("throttle", retry_after="date", after=5, match={"endpoint": "contacts"})
    before = datetime.now(UTC)
    date = parsedate_to_datetime(simulator.http.get(CONTACTS, headers=headers).headers["retry-after"])
    assert before + timedelta(seconds=4) <= date <= datetime.now(UTC) + timedelta(seconds=6)


def test_who_does_not_wait_is_refused_again_and_noted(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    simulator.fault("throttle", after=100, match={"endpoint": "connections"})
    assert [simulator.http.get(PEOPLE, headers=headers).status_code for _ in range(2)] == [429, 429]
    simulator.clock(advance=101)
    assert simulator.http.get(PEOPLE, headers=headers).status_code == 200
    assert [entry["early"] for entry in simulator.ledger(endpoint="connections")] == [False, True, False]


def test_the_nth_request_is_hit_and_no_other(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    simulator.fault("status", status=503, match={"account": ADA, "endpoint": "connections", "nth": [2, 4]})
    statuses = [simulator.http.get(PEOPLE, headers=headers).status_code for _ in range(5)]
    assert statuses == [200, 503, 200, 503, 200]
    assert [entry["fault"] for entry in simulator.ledger(endpoint="connections")] == ["", "status", "", "status", ""]


def test_an_ordinal_of_the_ledger_is_hit(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    ordinal = len(simulator.ledger()) + 2
    simulator.fault("rate_limit", reason="userRateLimitExceeded", match={"ordinals": [ordinal]})
    answers = [simulator.http.get(PEOPLE, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 403, 200]
    assert answers[1].json()["error"]["errors"][0]["reason"] == "userRateLimitExceeded"


@pytest.mark.parametrize("when", ["before", "after", "body"])
def test_a_connection_breaks(simulator: Simulator, when: str) -> None:
    refresh = simulator.sign_in(THREE)["refresh_token"]
    simulator.fault("reset", when=when, match={"endpoint": "token", "grant": "refresh_token"})
    with pytest.raises(httpx.TransportError):
        simulator.token(THREE, grant_type="refresh_token", refresh_token=refresh)
    assert simulator.token(THREE, grant_type="refresh_token", refresh_token=refresh).status_code == 200
    # Where all had happened, the first answer was lost and with it a rotation.
    assert simulator.ledger()[-1]["reused"] is (when != "before")


def test_json_may_be_cut_and_headers_may_lie(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    for kind in ("truncated", "gzip", "content_type"):
        simulator.fault(kind, match={"endpoint": "connections"})
    with pytest.raises(json.JSONDecodeError):
        simulator.http.get(PEOPLE, headers=headers).json()
    with pytest.raises(httpx.DecodingError):
        simulator.http.get(PEOPLE, headers=headers)
    assert simulator.http.get(PEOPLE, headers=headers).headers["content-type"].startswith("text/html")


def test_a_page_of_html_may_come_with_any_status(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    simulator.fault("html", match={"endpoint": "connections"})
    simulator.fault("html", status=502, match={"endpoint": "connections"})
    for status in (200, 502):
        response = simulator.http.get(PEOPLE, headers=headers)
        assert (response.status_code, response.text[:15]) == (status, "<!DOCTYPE html>")


def test_links_may_lead_to_a_foreign_host_that_notes_who_comes(simulator: Simulator) -> None:
    headers = simulator.bearer("grace@outlook.example")
    simulator.fault("foreign_next", match={"endpoint": "contacts_delta"})
    link = simulator.http.get(f"{DELTA}?$select=id", headers=headers).json()["@odata.nextLink"]
    assert link.startswith(simulator.canary)
    assert simulator.canary_calls() == []
    httpx.get(link, headers=headers)
    (call,) = simulator.canary_calls()
    assert call["headers"]["authorization"].startswith("Bearer sim-access-")
    simulator.admin("DELETE", "canary")
    simulator.fault("redirect", match={"endpoint": "connections"})
    moved = simulator.http.get(PEOPLE, headers=simulator.bearer(ADA))
    assert (moved.status_code, moved.headers["location"]) == (302, f"{simulator.canary}{PEOPLE}")


def test_pages_may_be_empty_loop_or_say_things_twice(simulator: Simulator) -> None:
    headers = simulator.bearer("grace@outlook.example")
    for kind in ("empty_page", "next_loop", "duplicates", "reverse", "unknown_fields", "drop_sync"):
        simulator.fault(kind, match={"endpoint": "contacts_delta"})
    url = f"{simulator.origin}{DELTA}?$select=id"
    empty, loop, double, backwards, strange, plain = (simulator.http.get(url, headers=headers).json() for _ in range(6))
    assert (empty["value"], empty["@odata.nextLink"]) == ([], url)
    assert loop["@odata.nextLink"] == url
    assert len(double["value"]) == 2 * len(plain["value"])
    assert backwards["value"] == plain["value"][::-1]
    assert "brandNew" in strange


@pytest.mark.parametrize("field", ["refresh_token", "expires_in", "access_token"])
def test_a_token_answer_may_lack_something(simulator: Simulator, field: str) -> None:
    simulator.fault("token_without", field=field, match={"endpoint": "token"})
    simulator.fault("token_429", match={"endpoint": "token"})
    assert field not in simulator.sign_in(THREE)
    refused = simulator.token(THREE, grant_type="refresh_token", refresh_token="any")
    assert (refused.status_code, "error" in refused.json()) == (429, False)


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("unauthorized", 401, "InvalidAuthenticationToken"),
        ("claims_challenge", 401, "InteractionRequired"),
        ("insufficient_scope", 403, "ErrorAccessDenied"),
        ("mailbox_missing", 404, "MailboxNotEnabledForRESTAPI"),
        ("consent_withdrawn", 401, "InvalidAuthenticationToken"),
    ],
)
def test_each_refusal_has_its_own_body(simulator: Simulator, kind: str, status: int, said: str) -> None:
    headers = simulator.bearer(THREE)
    simulator.fault(kind, match={"endpoint": "contacts"})
    response = simulator.http.get(CONTACTS, headers=headers)
    assert (response.status_code, said in response.text) == (status, True)


def test_an_answer_may_be_slow_or_drip(simulator: Simulator) -> None:
    headers = simulator.bearer(THREE)
    simulator.fault("slow", seconds=0.3, match={"endpoint": "contacts"})
    simulator.fault("drip", seconds=0.03, match={"endpoint": "contacts"})
    for _ in range(2):
        begun = time.monotonic()
        assert simulator.http.get(CONTACTS, headers=headers).status_code == 200
        assert time.monotonic() - begun >= 0.25


def test_a_fault_that_is_none_is_refused(simulator: Simulator) -> None:
    assert "nonsense" not in KINDS
    for wrong in ({"kind": "nonsense"}, {"kind": "reset", "match": {"planet": "Mars"}}):
        assert simulator.http.post("/admin/faults", json={"faults": [wrong]}).status_code == 400


async def test_hundreds_of_accounts_wait_at_the_same_time(simulator: Simulator) -> None:
    accounts = [f"many-{number:03}@google.example" for number in range(1, 201)]
    headers = [simulator.bearer(account) for account in accounts]
    simulator.settings(latency=2)
    limits = httpx.Limits(max_connections=300)
    async with httpx.AsyncClient(base_url=simulator.origin, limits=limits, timeout=60) as http:
        begun = time.monotonic()
        answers = await asyncio.gather(*(http.get(f"{PEOPLE}&pageSize=10", headers=one) for one in headers))
        took = time.monotonic() - begun
    assert {answer.status_code for answer in answers} == {200}
    assert took < 200 * 2 / 4  # one after the other it were 400 s
