"""How an address book is read, request by request: what is asked for, and what an answer leads to."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from msgspec.structs import replace

from workers.fetcher import pieces
from workers.fetcher.google import FIELDS, Google
from workers.fetcher.microsoft import Microsoft
from workers.fetcher.stand import Course, Malformed, Mark, Stand

PEOPLE = "https://people.example/v1"
GRAPH = "https://graph.example/v1.0"
GOOGLE, MICROSOFT = Google(PEOPLE), Microsoft(GRAPH)
NOW = 1_700_000_000.0


def body(**fields: Any) -> bytes:
    return msgspec.json.encode({name.replace("__", "@odata."): value for name, value in fields.items()})


def asked(course: Course, stand: Stand) -> tuple[str, dict[str, str]]:
    url = urlsplit(course.request(stand).url)
    return url.path, {name: values[0] for name, values in parse_qs(url.query).items()}


def begin(course: Course, mark: Mark | None = None, **more: Any) -> Stand:
    return course.begin(mark, **{"full": False, "others": False, "now": NOW, **more})


def google_mark(**more: Any) -> Mark:
    made = Mark(profile=GOOGLE.profile, tokens={"connections": "S1"}, groups={"g1": "Friends"}, full_at=NOW - 86_400)
    return replace(made, **more)


def test_google_is_asked_for_groups_then_for_people_with_the_same_parameters_on_every_page() -> None:
    stand = begin(GOOGLE)
    assert asked(GOOGLE, stand)[0] == "/v1/contactGroups"
    groups = [
        {"resourceName": "g1", "groupType": "USER_CONTACT_GROUP", "formattedName": "Friends", "name": "friends"},
        {"resourceName": "g2", "groupType": "SYSTEM_CONTACT_GROUP", "formattedName": "Starred"},
    ]
    stand = GOOGLE.take(stand, body(contactGroups=groups, nextSyncToken="every page has one")).after
    assert (stand.stage, stand.groups) == ("connections", {"g1": "Friends"})
    path, first = asked(GOOGLE, stand)
    assert path == "/v1/people/me/connections"
    assert first == {
        "pageSize": "1000",
        "personFields": FIELDS,
        "sources": "READ_SOURCE_TYPE_CONTACT",
        "requestSyncToken": "true",
    }
    page = GOOGLE.take(stand, body(connections=[{"resourceName": "people/c1"}], nextPageToken="P2"))
    assert [bytes(item) for item in page.items] == [b'{"resourceName":"people/c1"}']
    assert asked(GOOGLE, page.after)[1] == {**first, "pageToken": "P2"}
    last = GOOGLE.take(page.after, body(nextSyncToken="S1"))
    assert (last.items, last.after.stage, last.after.tokens) == ([], "end", {"connections": "S1"})
    assert GOOGLE.mark(last.after) == google_mark(full_at=NOW)


def test_other_contacts_are_read_after_the_people_with_a_mask_of_their_own() -> None:
    stand = replace(begin(GOOGLE, others=True), stage="connections")
    stand = GOOGLE.take(stand, body(nextSyncToken="S1")).after
    path, query = asked(GOOGLE, stand)
    assert (path, "readMask" in query, "personFields" in query) == ("/v1/otherContacts", True, False)
    assert GOOGLE.take(stand, body(nextSyncToken="O1")).after.tokens == {"connections": "S1", "others": "O1"}


@pytest.mark.parametrize(
    ("mark", "more", "full"),
    [
        (None, {}, True),
        (google_mark(), {}, False),
        (google_mark(), {"full": True}, True),
        (google_mark(), {"others": True}, True),
        (google_mark(profile="other fields"), {}, True),
        (google_mark(full_at=NOW - 7 * 86_400), {}, True),
        (google_mark(tokens={}), {}, True),
    ],
)
def test_only_what_is_known_of_the_same_question_lately_allows_to_ask_for_changes(
    mark: Mark | None, more: dict[str, Any], full: bool
) -> None:
    stand = begin(GOOGLE, mark, **more)
    assert stand.full is full
    assert ("syncToken" in asked(GOOGLE, replace(stand, stage="connections"))[1]) is not full


def test_a_renamed_group_means_that_everybody_is_read_anew() -> None:
    renamed = [{"resourceName": "g1", "groupType": "USER_CONTACT_GROUP", "formattedName": "Old friends"}]
    stand = GOOGLE.take(begin(GOOGLE, google_mark()), body(contactGroups=renamed)).after
    assert (stand.full, stand.old) == (True, {})
    more = [{"resourceName": "g9", "groupType": "USER_CONTACT_GROUP", "formattedName": "New"}]
    assert GOOGLE.take(begin(GOOGLE, google_mark()), body(contactGroups=more)).after.full is False


def test_a_dead_token_begins_a_full_pass_and_a_dead_page_only_its_own_list() -> None:
    changes = replace(begin(GOOGLE, google_mark()), stage="connections", cursor="P2", groups={"g1": "x"})
    anew = GOOGLE.anew(changes, 3)
    assert (anew.full, anew.since, anew.cursor, anew.old, anew.groups) == (True, 3, "", {}, {"g1": "x"})
    full = replace(begin(GOOGLE), stage="others", cursor="P2", tokens={"connections": "S1"})
    again = GOOGLE.anew(full, 3)
    assert (again.stage, again.cursor, again.tokens, again.since) == ("others", "", {"connections": "S1"}, 0)


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"connections": 7}', b"<html>", b'{"connections": [{}'])
def test_what_is_no_page_is_told_apart(answer: bytes) -> None:
    with pytest.raises(Malformed):
        GOOGLE.take(replace(begin(GOOGLE), stage="connections"), answer)
    with pytest.raises(Malformed):
        MICROSOFT.take(begin(MICROSOFT), answer)


def test_a_page_that_names_itself_as_the_next_one_is_no_page() -> None:
    with pytest.raises(Malformed):
        GOOGLE.take(replace(begin(GOOGLE), stage="connections", cursor="P2"), body(nextPageToken="P2"))


def folders(*names: str, **more: Any) -> bytes:
    return body(value=[{"id": name} for name in names], **more)


def at_contacts(stand: Stand, default: str = "D", *names: str) -> Stand:
    """After the folders `default` and `names`, none of which has another in it."""
    stand = MICROSOFT.take(stand, body(value=[{"id": "x", "parentFolderId": default}] if default else [])).after
    stand = MICROSOFT.take(stand, folders(*names)).after
    while stand.stage == "children":
        stand = MICROSOFT.take(stand, folders()).after
    return stand


def test_every_folder_is_found_once_however_deep_and_whoever_names_it() -> None:
    stand = begin(MICROSOFT)
    assert asked(MICROSOFT, stand) == ("/v1.0/me/contacts", {"$top": "1", "$select": "parentFolderId"})
    stand = MICROSOFT.take(
        stand, body(value=[{"parentFolderId": "D"}], __nextLink=f"{GRAPH}/me/contacts?$skip=1")
    ).after
    assert asked(MICROSOFT, stand)[0] == "/v1.0/me/contactFolders"
    stand = MICROSOFT.take(stand, folders("A", "D", __nextLink=f"{GRAPH}/me/contactFolders?$skip=2")).after
    assert MICROSOFT.request(stand).url == f"{GRAPH}/me/contactFolders?$skip=2"
    stand = MICROSOFT.take(stand, folders("B/2")).after
    children = {"D": [], "A": ["A1"], "B/2": [], "A1": ["A2"], "A2": []}
    seen = []
    while stand.stage == "children":
        folder = stand.folders[stand.at]
        seen.append(folder)
        stand = MICROSOFT.take(stand, folders(*children[folder])).after
    assert seen == ["D", "A", "B/2", "A1", "A2"]
    assert MICROSOFT.request(replace(stand, at=2)).url.startswith(f"{GRAPH}/me/contactFolders/B%2F2/contacts/delta?")


def test_every_request_wants_ids_that_stay() -> None:
    stand = begin(MICROSOFT)
    for stage in ("default", "folders", "children", "contacts"):
        headers = MICROSOFT.request(replace(stand, stage=stage, folders=("D",))).headers
        assert 'IdType="ImmutableId"' in headers["Prefer"]


def test_a_folder_ends_with_its_delta_link_and_the_pass_with_the_last_folder() -> None:
    stand = at_contacts(begin(MICROSOFT), "D", "A")
    page = MICROSOFT.take(stand, body(value=[{"id": "1"}], __nextLink=f"{GRAPH}/x?$skiptoken=1"))
    assert (page.stream, MICROSOFT.request(page.after).url) == ("folder:D", f"{GRAPH}/x?$skiptoken=1")
    stand = MICROSOFT.take(page.after, body(value=[], __deltaLink=f"{GRAPH}/x?$deltatoken=1")).after
    last = MICROSOFT.take(stand, body(value=[{"id": "2"}], __deltaLink=f"{GRAPH}/y?$deltatoken=2"))
    assert (last.stream, last.after.stage) == ("folder:A", "end")
    mark = MICROSOFT.mark(last.after)
    again = at_contacts(begin(MICROSOFT, mark), "D", "A")
    assert again.full is False
    assert MICROSOFT.request(again).url == f"{GRAPH}/x?$deltatoken=1"


def test_a_new_folder_is_read_whole_and_a_vanished_one_means_a_full_pass() -> None:
    mark = Mark(profile=MICROSOFT.profile, tokens={"folder:D": f"{GRAPH}/x"}, groups={}, full_at=NOW)
    new = at_contacts(begin(MICROSOFT, mark), "D", "A")
    assert (new.full, "delta?" in MICROSOFT.request(replace(new, at=1)).url) == (False, True)
    assert at_contacts(begin(MICROSOFT, mark), "", "A").full is True
    nothing = at_contacts(begin(MICROSOFT, mark), "")
    assert (nothing.stage, nothing.full) == ("end", True)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/x",
        "http://graph.example/v1.0/x",
        "https://graph.example/beta/x",
        "https://graph.example@evil.example/v1.0/x",
        "https://graph.example/v1.0/../x",
        "https://graph.example:444/v1.0/x",
        "//evil.example/v1.0/x",
        "\x00",
    ],
)
def test_a_link_that_leads_away_is_no_link(link: str) -> None:
    stand = at_contacts(begin(MICROSOFT), "D")
    for answer in (body(value=[], __nextLink=link), body(value=[], __deltaLink=link)):
        with pytest.raises(Malformed):
            MICROSOFT.take(stand, answer)


def test_a_page_without_any_link_is_asked_for_again() -> None:
    with pytest.raises(Malformed):
        MICROSOFT.take(at_contacts(begin(MICROSOFT), "D"), body(value=[]))


def test_a_stand_survives_being_written_down() -> None:
    stand = replace(at_contacts(begin(MICROSOFT), "D", "A"), tokens={"folder:D": "x"})
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(stand), type=Stand) == stand


def test_a_page_of_a_thousand_is_two_segments_and_nothing_is_lost() -> None:
    items = [msgspec.Raw(b'{"id":"%d"}' % number) for number in range(1_000)]
    made = list(pieces.texts(items))
    assert [pieces.count(text) for text in made] == [500, 500]
    assert [item["id"] for text in made for item in msgspec.json.decode(text)] == [str(each) for each in range(1_000)]


def test_long_items_share_no_segment_and_one_that_is_too_long_leaves_a_place() -> None:
    long, huge = msgspec.Raw(b'"' + b"x" * 1_500_000 + b'"'), msgspec.Raw(b'"' + b"x" * 5_000_000 + b'"')
    made = list(pieces.texts([long, long, huge]))
    assert [pieces.count(text) for text in made] == [1, 2]
    assert msgspec.json.decode(made[1])[1] == {}


def test_no_items_are_no_segments() -> None:
    assert list(pieces.texts([])) == []
