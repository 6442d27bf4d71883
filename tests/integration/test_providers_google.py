"""Simulated Google: as strict as the real one, page by page and sync by sync."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.providers.running import PERSON_FIELDS, Simulator, running

ADA = "ada@google.example"
ODD = "odd@google.example"
LIST = "/v1/people/me/connections"
OTHERS = "https://www.googleapis.com/auth/contacts.other.readonly"


@pytest.fixture(scope="module")
def started() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def simulator(started: Simulator) -> Simulator:
    started.reset()
    return started


def rounds(simulator: Simulator, headers: dict[str, str], path: str = LIST, **query: Any) -> tuple[list[Any], str]:
    """All pages of one round: people, and the sync token at its end."""
    query = {"requestSyncToken": "true", "pageSize": 1000, **query}
    query.setdefault("personFields" if path == LIST else "readMask", "names,emailAddresses,metadata")
    found: list[Any] = []
    while True:
        response = simulator.http.get(path, params=query, headers=headers)
        assert response.status_code == 200, response.text
        body = response.json()
        found += body.get("connections", body.get("otherContacts", []))
        if "nextPageToken" not in body:
            return found, body["nextSyncToken"]
        assert "nextSyncToken" not in body
        query["pageToken"] = body["nextPageToken"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "personFields mask is required"),
        ("personFields=names&shoeSize=1", 'Unknown name \\"shoeSize\\"'),
        ("personFields=names,shoeSize", "Invalid personFields mask path"),
        ("personFields=names&pageSize=1001", "Page size must be"),
        ("personFields=names&pageSize=many", "TYPE_INT32"),
        ("personFields=names&sources=READ_SOURCE_TYPE_CONTACT,READ_SOURCE_TYPE_PROFILE", "Invalid value at 'sources'"),
        ("personFields=names&requestSyncToken=perhaps", "TYPE_BOOL"),
        ("personFields=names&requestSyncToken=true&sortOrder=LAST_MODIFIED_DESCENDING", "Sort order"),
        ("personFields=names&pageToken=invented", "page token"),
        ("personFields=names&syncToken=invented", "sync token"),
    ],
)
def test_a_wrong_parameter_is_refused(simulator: Simulator, query: str, said: str) -> None:
    response = simulator.http.get(f"{LIST}?{query}", headers=simulator.bearer(ADA))
    assert (response.status_code, response.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert said in response.text


def test_sources_are_repeated(simulator: Simulator) -> None:
    sources = ["READ_SOURCE_TYPE_CONTACT", "READ_SOURCE_TYPE_PROFILE"]
    query = {"personFields": "names", "sources": sources}
    assert simulator.http.get(LIST, params=query, headers=simulator.bearer(ADA)).status_code == 200


def test_an_empty_list_is_left_out(simulator: Simulator) -> None:
    response = simulator.http.get(f"{LIST}?personFields=names", headers=simulator.bearer("empty@google.example"))
    assert response.json() == {"totalPeople": 0, "totalItems": 0}


def test_a_page_token_wants_the_same_parameters(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    token = simulator.http.get(f"{LIST}?personFields=names", headers=headers).json()["nextPageToken"]
    for changed in (
        "personFields=names,urls",
        "personFields=names&pageSize=7",
        "personFields=names&requestSyncToken=true",
    ):
        response = simulator.http.get(f"{LIST}?{changed}&pageToken={token}", headers=headers)
        assert "must match the first call" in response.text
    assert simulator.http.get(f"{LIST}?personFields=names&pageToken={token}", headers=headers).status_code == 200


def test_a_page_asked_for_again_is_the_same_page(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    token = simulator.http.get(f"{LIST}?personFields=names", headers=headers).json()["nextPageToken"]
    twice = [simulator.http.get(f"{LIST}?personFields=names&pageToken={token}", headers=headers).text for _ in range(2)]
    assert twice[0] == twice[1]
    assert [entry["repeat"] for entry in simulator.ledger(endpoint="connections")] == [0, 0, 1]


def test_a_page_token_dies_after_a_day(simulator: Simulator) -> None:
    simulator.settings(access_lifetime=10**9)
    headers = simulator.bearer(ADA)
    token = simulator.http.get(f"{LIST}?personFields=names", headers=headers).json()["nextPageToken"]
    simulator.clock(advance=86_401)
    response = simulator.http.get(f"{LIST}?personFields=names&pageToken={token}", headers=headers)
    assert (response.status_code, "expired" in response.text) == (400, True)


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "FAILED_PRECONDITION"])
def test_a_sync_token_dies_seven_days_after_the_full_pass_however_often_it_was_renewed(
    simulator: Simulator, status: str
) -> None:
    simulator.settings(access_lifetime=10**9, expired_status=status)
    headers = simulator.bearer(ADA)
    _, sync = rounds(simulator, headers)
    simulator.clock(advance=6 * 86_400)
    _, sync = rounds(simulator, headers, syncToken=sync)
    simulator.clock(advance=1.1 * 86_400)
    query = {"personFields": "names,emailAddresses,metadata", "pageSize": "1000", "requestSyncToken": "true"}
    response = simulator.http.get(LIST, params={**query, "syncToken": sync}, headers=headers)
    error = response.json()["error"]
    assert (response.status_code, error["status"]) == (400, status)
    assert error["details"][0]["reason"] == "EXPIRED_SYNC_TOKEN"


def test_a_deleted_person_is_a_tombstone_and_nothing_else(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    _, sync = rounds(simulator, headers)
    gone = simulator.mutate(ADA, delete=1)["delete"]
    (person,), _ = rounds(simulator, headers, syncToken=sync)
    assert set(person) == {"resourceName", "etag", "metadata"}
    assert ([person["resourceName"]], person["metadata"]["deleted"]) == (gone, True)


def test_who_was_merged_remembers_the_name_that_went(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    full, sync = rounds(simulator, headers)
    simulator.mutate(ADA, merge=1)
    changes, _ = rounds(simulator, headers, syncToken=sync)
    gone = [person["resourceName"] for person in changes if person["metadata"].get("deleted")]
    assert gone[0] in {person["resourceName"] for person in full}
    assert [
        person["metadata"].get("previousResourceNames") for person in changes if person["resourceName"] not in gone
    ] == [gone]


def test_another_contact_that_became_a_contact_goes_there_and_comes_here(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA, (OTHERS, "https://www.googleapis.com/auth/contacts.readonly"))
    _, sync = rounds(simulator, headers)
    _, others_sync = rounds(simulator, headers, "/v1/otherContacts")
    simulator.mutate(ADA, promote=1)
    (came,), _ = rounds(simulator, headers, syncToken=sync)
    (went,), _ = rounds(simulator, headers, "/v1/otherContacts", syncToken=others_sync)
    assert went["metadata"]["deleted"]
    assert went["resourceName"] == came["resourceName"].replace("people/", "otherContacts/")


def test_people_who_change_while_a_list_is_read_come_again_in_the_next_sync(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    simulator.fault("mutate", match={"endpoint": "connections", "nth": [2]}, changes={"add": 1, "delete": 2})
    found, sync = rounds(simulator, headers)
    assert len(found) == 2_998
    changes, _ = rounds(simulator, headers, syncToken=sync)
    assert len(changes) == 3


def test_every_page_of_labels_has_a_sync_token_and_thirty_labels(simulator: Simulator) -> None:
    headers = simulator.bearer(ODD)
    first = simulator.http.get("/v1/contactGroups", headers=headers).json()
    assert len(first["contactGroups"]) == 30
    second = simulator.http.get(f"/v1/contactGroups?pageToken={first['nextPageToken']}", headers=headers).json()
    assert first["nextSyncToken"] == second["nextSyncToken"]
    bare = next(group for group in first["contactGroups"] if group["name"] == "friends")
    assert set(bare) == {"resourceName", "groupType", "name", "formattedName"}


def test_a_renamed_label_changes_the_group_and_no_person(simulator: Simulator) -> None:
    headers = simulator.bearer(ADA)
    _, sync = rounds(simulator, headers)
    groups = simulator.http.get("/v1/contactGroups?pageSize=100", headers=headers).json()
    simulator.mutate(ADA, rename_label=1)
    assert rounds(simulator, headers, syncToken=sync)[0] == []
    query = {"pageSize": 100, "syncToken": groups["nextSyncToken"]}
    (group,) = simulator.http.get("/v1/contactGroups", params=query, headers=headers).json()["contactGroups"]
    assert "renamed" in group["formattedName"]
    assert any(group["name"] in person["contact"].get("labels", ()) for person in simulator.expected(ADA))


def test_a_token_must_be_good_and_have_the_scope(simulator: Simulator) -> None:
    ask = simulator.http.get
    assert ask(f"{LIST}?personFields=names").status_code == 401
    stale = {"Authorization": "Bearer sim-access-google-0000"}
    assert 'error="invalid_token"' in ask(f"{LIST}?personFields=names", headers=stale).headers["www-authenticate"]
    narrow = ask("/v1/otherContacts?readMask=names", headers=simulator.bearer(ADA))
    assert (narrow.status_code, "insufficient_scope" in narrow.headers["www-authenticate"]) == (403, True)
    foreign = simulator.bearer("grace@outlook.example")
    assert ask(f"{LIST}?personFields=names", headers=foreign).status_code == 401
    headers = simulator.bearer(ADA)
    simulator.clock(advance=3_600)
    assert ask(f"{LIST}?personFields=names", headers=headers).status_code == 401


def test_the_first_page_of_a_full_pass_has_a_quota_of_its_own(simulator: Simulator) -> None:
    simulator.settings(google_full_passes_per_hour=1)
    headers = simulator.bearer(ADA)
    assert simulator.http.get(f"{LIST}?personFields=names", headers=headers).status_code == 200
    second = simulator.http.get(f"{LIST}?personFields=names", headers=headers)
    assert (second.status_code, second.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")


def test_an_unknown_path_is_answered_in_html(simulator: Simulator) -> None:
    response = simulator.http.get("/v1/nothing")
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_who_asks_for_less_gets_less(simulator: Simulator) -> None:
    simulator.settings(page_cap=10)
    response = simulator.http.get(f"{LIST}?personFields={PERSON_FIELDS}&pageSize=500", headers=simulator.bearer(ADA))
    assert len(response.json()["connections"]) == 10
