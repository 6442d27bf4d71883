"""Simulated Graph: folders, ids that change, deltas, throttles."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.providers.running import Simulator, running

GRACE = "grace@outlook.example"
ODD = "odd@outlook.example"
THREE = "three@outlook.example"
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}


@pytest.fixture(scope="module")
def started() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def simulator(started: Simulator) -> Simulator:
    started.reset()
    return started


def get(simulator: Simulator, url: str, headers: dict[str, str]) -> Any:
    response = simulator.http.get(url, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


def default_folder(simulator: Simulator, headers: dict[str, str]) -> str:
    first = get(simulator, "/v1.0/me/contacts?$top=1&$select=parentFolderId", headers)
    return str(first["value"][0]["parentFolderId"])


def below(simulator: Simulator, headers: dict[str, str], path: str = "/v1.0/me/contactFolders") -> dict[str, str]:
    """{name: id} of all folders there and deeper."""
    found = {}
    for folder in get(simulator, path, headers)["value"]:
        found[folder["displayName"]] = folder["id"]
        found |= below(simulator, headers, f"/v1.0/me/contactFolders/{folder['id']}/childFolders")
    return found


def delta(simulator: Simulator, url: str, headers: dict[str, str]) -> tuple[list[Any], str]:
    """All pages of a round, and its deltaLink."""
    found: list[Any] = []
    while True:
        body = get(simulator, url, headers)
        found += body["value"]
        if "@odata.deltaLink" in body:
            return found, body["@odata.deltaLink"]
        url = body["@odata.nextLink"]


def test_contacts_are_those_of_the_default_folder_ten_at_a_time(simulator: Simulator) -> None:
    headers = simulator.bearer(GRACE)
    first = get(simulator, "/v1.0/me/contacts", headers)
    assert len(first["value"]) == 10
    second = get(simulator, first["@odata.nextLink"], headers)
    assert not {one["id"] for one in first["value"]} & {one["id"] for one in second["value"]}
    assert len(get(simulator, "/v1.0/me/contacts?$top=5000", headers)["value"]) == 1_000


def test_the_folders_leave_out_the_default_one_and_nest(simulator: Simulator) -> None:
    headers = simulator.bearer(GRACE)
    assert set(below(simulator, headers)) == {"Customers", "Old", "Archive", "Family", "Nobody here"}
    simulator.settings(list_default_folder=True)
    assert below(simulator, headers)["Contacts"] == default_folder(simulator, headers)


def test_all_folders_together_have_everybody_once(simulator: Simulator) -> None:
    headers = {**simulator.bearer(GRACE), "Prefer": 'IdType="ImmutableId", odata.maxpagesize=200'}
    folders = [default_folder(simulator, headers), *below(simulator, headers).values()]
    found = []
    for folder in folders:
        found += delta(simulator, f"/v1.0/me/contactFolders/{folder}/contacts/delta?$select=id", headers)[0]
    ids = {one["id"] for one in found}
    assert len(found) == len(ids) == 25_000
    assert ids == {one["ids"][0] for one in simulator.expected(GRACE)}


def test_a_page_of_a_delta_has_at_most_two_hundred(simulator: Simulator) -> None:
    headers = {**simulator.bearer(GRACE), "Prefer": "odata.maxpagesize=500"}
    body = get(simulator, "/v1.0/me/contacts/delta", headers)
    assert len(body["value"]) == 200


def test_select_is_honoured_and_checked(simulator: Simulator) -> None:
    headers = simulator.bearer(THREE)
    body = get(simulator, "/v1.0/me/contacts?$select=displayName", headers)
    assert set(body["value"][0]) == {"@odata.etag", "id", "displayName"}
    wrong = simulator.http.get("/v1.0/me/contacts?$select=shoeSize", headers=headers)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "RequestBroker--ParseUri")
    odd = simulator.http.get("/v1.0/me/contacts/delta?$orderby=displayName", headers=headers)
    assert odd.status_code == 400
    assert len(get(simulator, "/v1.0/me/contacts", headers)["value"][0]) == 39


def test_an_empty_value_is_null_or_empty_and_an_empty_address_an_object(simulator: Simulator) -> None:
    everybody = get(simulator, "/v1.0/me/contacts", simulator.bearer(THREE))["value"]
    assert everybody[0]["otherAddress"] == {}
    assert {"", None} <= {value for one in everybody for value in one.values() if not isinstance(value, dict | list)}


def test_moving_changes_an_id_unless_it_is_the_immutable_kind(simulator: Simulator) -> None:
    headers = simulator.bearer(THREE)

    def ids(prefer: dict[str, str]) -> set[str]:
        folders = below(simulator, headers).values()
        urls = ["/v1.0/me/contacts", *(f"/v1.0/me/contactFolders/{folder}/contacts" for folder in folders)]
        return {one["id"] for url in urls for one in get(simulator, url, {**headers, **prefer})["value"]}

    usual, lasting = ids({}), ids(IMMUTABLE)
    simulator.mutate(THREE, move=1)
    assert len(usual & ids({})) == 2
    assert lasting == ids(IMMUTABLE)


def test_who_moved_is_removed_from_one_delta_and_comes_in_the_other(simulator: Simulator) -> None:
    headers = {**simulator.bearer(ODD), **IMMUTABLE}
    old, new = default_folder(simulator, headers), below(simulator, headers)["Customers"]
    _, old_link = delta(simulator, f"/v1.0/me/contactFolders/{old}/contacts/delta?$select=id", headers)
    _, new_link = delta(simulator, f"/v1.0/me/contactFolders/{new}/contacts/delta?$select=id", headers)
    moved = simulator.mutate(ODD, move=1)["move"]
    (gone,), _ = delta(simulator, old_link, headers)
    (came,), _ = delta(simulator, new_link, headers)
    assert gone == {"@removed": {"reason": "deleted"}, "id": moved[0]}
    assert came["id"] == moved[0]


def test_a_delta_tells_who_came_changed_and_went(simulator: Simulator) -> None:
    headers = {**simulator.bearer(THREE), **IMMUTABLE}
    _, link = delta(simulator, "/v1.0/me/contacts/delta?$select=displayName,jobTitle", headers)
    changed = simulator.mutate(THREE, add=1, edit=1, delete=1)
    changes, link = delta(simulator, link, headers)
    removed = [one["id"] for one in changes if "@removed" in one]
    assert {one["id"] for one in changes} == {*changed["edit"], *changed["add"], *changed["delete"]}
    assert removed == changed["delete"]
    assert all(set(one) == {"@odata.etag", "id", "displayName", "jobTitle"} for one in changes if "@removed" not in one)
    assert delta(simulator, link, headers)[0] == []


def test_an_update_may_carry_only_what_changed(simulator: Simulator) -> None:
    simulator.settings(partial_updates=True)
    headers = {**simulator.bearer(THREE), **IMMUTABLE}
    _, link = delta(simulator, "/v1.0/me/contacts/delta", headers)
    simulator.mutate(THREE, edit=1)
    (one,), _ = delta(simulator, link, headers)
    assert "jobTitle" in one
    assert "emailAddresses" not in one


def test_the_state_is_in_the_link_and_nowhere_else(simulator: Simulator) -> None:
    headers = simulator.bearer(GRACE)
    following = get(simulator, "/v1.0/me/contacts/delta", headers)["@odata.nextLink"]
    assert simulator.http.get(f"{following}&$select=id", headers=headers).status_code == 400
    assert simulator.http.get(following, headers=simulator.bearer(THREE)).status_code == 400


def test_a_lost_sync_state_is_gone_for_good(simulator: Simulator) -> None:
    headers = simulator.bearer(THREE)
    _, link = delta(simulator, "/v1.0/me/contacts/delta", headers)
    simulator.fault("expired", match={"endpoint": "contacts_delta"})
    for _ in range(2):
        response = simulator.http.get(link, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (410, "SyncStateNotFound")


def test_ids_of_folders_are_case_sensitive_and_unknown_ones_are_missing(simulator: Simulator) -> None:
    headers = simulator.bearer(GRACE)
    folder = below(simulator, headers)["Family"]
    assert get(simulator, f"/v1.0/me/contactFolders/{folder}", headers)["displayName"] == "Family"
    wrong = simulator.http.get(f"/v1.0/me/contactFolders/{folder.lower()}", headers=headers)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "ErrorItemNotFound")


def test_new_folders_are_told_by_their_own_delta(simulator: Simulator) -> None:
    headers = simulator.bearer(THREE)
    known, link = delta(simulator, "/v1.0/me/contactFolders/delta", headers)
    assert [folder["displayName"] for folder in known] == ["Contacts"]
    simulator.mutate(THREE, move=1)
    (new,), _ = delta(simulator, link, headers)
    assert new["displayName"] == "Moved here"


async def test_more_than_four_at_a_time_are_too_many_for_a_mailbox(simulator: Simulator) -> None:
    headers = simulator.bearer(THREE)
    simulator.settings(latency=3)  # the first must not be done before the last has come
    async with httpx.AsyncClient(base_url=simulator.origin, headers=headers, timeout=60) as http:
        answers = await asyncio.gather(*(http.get("/v1.0/me/contacts") for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429] * 2
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "ApplicationThrottled"


def test_a_token_must_be_good_and_have_the_scope(simulator: Simulator) -> None:
    ask = simulator.http.get
    assert ask("/v1.0/me/contacts").json()["error"]["code"] == "InvalidAuthenticationToken"
    assert ask("/v1.0/me", headers=simulator.bearer(THREE)).json()["error"]["code"] == "ErrorAccessDenied"
    assert ask("/v1.0/me/contacts", headers=simulator.bearer("ada@google.example")).status_code == 401
    headers = {**simulator.bearer(THREE), "client-request-id": "mine"}
    simulator.clock(advance=3_600)
    expired = ask("/v1.0/me/contacts", headers=headers)
    assert (expired.status_code, expired.json()["error"]["innerError"]["client-request-id"]) == (401, "mine")
