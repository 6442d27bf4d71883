"""The People API: connections, other contacts, contact groups, one person. Strict where the real one is."""

from collections.abc import Sequence
from typing import cast

import msgspec
from starlette.responses import HTMLResponse, Response

from tests.providers import google_errors as errors
from tests.providers.book import BORN, GoogleBook, Group, Record
from tests.providers.clock import iso
from tests.providers.cursors import Listing
from tests.providers.google_oauth import CONTACTS, OTHERS
from tests.providers.google_shape import FIELDS
from tests.providers.world import Call, Json, answer

_STANDARD = {"alt", "prettyPrint", "key", "fields", "quotaUser", "$.xgafv", "access_token", "callback", "uploadType"}
_SOURCES = {
    "READ_SOURCE_TYPE_PROFILE",
    "READ_SOURCE_TYPE_CONTACT",
    "READ_SOURCE_TYPE_DOMAIN_CONTACT",
    "READ_SOURCE_TYPE_OTHER_CONTACT",
}
_ORDERS = ("LAST_MODIFIED_ASCENDING", "LAST_MODIFIED_DESCENDING", "FIRST_NAME_ASCENDING", "LAST_NAME_ASCENDING")
_OTHER_FIELDS = frozenset({"emailAddresses", "metadata", "names", "phoneNumbers", "photos"})
_GROUP_FIELDS = frozenset({"clientData", "groupType", "memberCount", "metadata", "name"})
_SYSTEM_GROUPS = ("myContacts", "starred", "friends", "family", "coworkers", "chatBuddies", "all", "blocked")
_DOCS = "https://developers.google.com/people/api/rest/v1"


def connections(call: Call) -> Response:
    _allowed(call, CONTACTS)
    _only(call, "pageSize pageToken personFields requestSyncToken sources sortOrder syncToken requestMask.includeField")
    if call.request.path_params["person"] != "me":
        raise errors.invalid("Resource name must be people/me.", "resource_name")
    mask = _mask(call, "personFields", FIELDS)
    return _listed(call, "connections", mask, other=False)


def other_contacts(call: Call) -> Response:
    _allowed(call, OTHERS)
    _only(call, "pageSize pageToken readMask requestSyncToken sources syncToken")
    return _listed(call, "otherContacts", _mask(call, "readMask", _OTHER_FIELDS), other=True)


def person(call: Call) -> Response:
    """`people/c123`: everything, lists uncut; `people/me` needs a scope that nobody here asks for."""
    _allowed(call, CONTACTS)
    _only(call, "personFields sources requestMask.includeField")
    mask = _mask(call, "personFields", FIELDS)
    name = f"people/{call.request.path_params['person']}"
    book: GoogleBook = call.book
    record = next((one for one in book.people() if book.provider_id(one) == name or name in one.previous), None)
    if record is None:
        raise errors.error(404, "Requested entity was not found.")
    found = msgspec.json.decode(book.encode(record, mask))
    whole = book.whole(record)
    return answer({**found, **{field: whole[field] for field in found if field in whole}})


def unknown_path(_: Call) -> Response:
    """Google's front end answers in HTML."""
    text = "<p><b>404.</b> <ins>That's an error.</ins><p>The requested URL was not found on this server."
    return HTMLResponse(f"<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>{text}", 404)


# --- lists of people


def _listed(call: Call, name: str, mask: frozenset[str], *, other: bool) -> Response:
    book: GoogleBook = call.book
    syncing = "syncToken" in call.query or _flag(call, "requestSyncToken")
    order = call.query.get("sortOrder", _ORDERS[0])
    if order not in _ORDERS:
        raise _no_value("sort_order", "google.people.v1.ListConnectionsRequest.SortOrder", order)
    if syncing and "sortOrder" in call.query and order != _ORDERS[0]:
        raise errors.invalid("Sort order is not supported when syncing.", "sort_order")
    size, sources = _size(call, 100), _sources(call)
    asked = repr((sorted(mask), sorted(sources), size, _flag(call, "requestSyncToken"), order))
    listing, offset = _round(call, name, asked, size)
    if listing is None:
        listing = _begin(call, name, asked, size, mask, order, other=other)
    cap = call.world.settings.page_cap
    end = offset + (min(listing.size, cap) if cap else listing.size)
    page = [book.records[key] for key in cast(Sequence[int], listing.items[offset:end])]
    if listing.since is None:
        page = [record for record in page if not record.deleted and record.other is other]
    call.items = len(page)
    profile = "READ_SOURCE_TYPE_PROFILE" in sources
    encoded = [_one(book, record, mask, other=other, profile=profile) for record in page]
    rest: Json = {}
    if end < len(listing.items):
        rest["nextPageToken"] = call.world.cursors.page(listing, end)
    elif syncing:
        rest["nextSyncToken"] = call.world.cursors.sync(listing)
    total = sum(1 for _ in book.people(other=other))
    if other:
        rest["totalSize"] = total
    else:
        rest |= {"totalPeople": total, "totalItems": total}
    # An empty list is left out.
    items = b'"%s":[%s],' % (name.encode(), b",".join(encoded)) if encoded else b""
    return answer(b"{" + items + msgspec.json.encode(rest)[1:])


def _one(book: GoogleBook, record: Record, mask: frozenset[str], *, other: bool, profile: bool) -> bytes:
    if other and not record.other:
        # It became a contact: among the others only its tombstone is left, under the old name.
        gone: Json = {"resourceName": f"otherContacts/c{book.source_id(record)}", "etag": "%promoted"}
        if "metadata" in mask:
            gone["metadata"] = {"objectType": "PERSON", "deleted": True}
        return msgspec.json.encode(gone)
    return book.encode(record, mask, profile=profile)


def _begin(
    call: Call, name: str, asked: str, size: int, mask: frozenset[str], order: str, *, other: bool
) -> Listing[object]:
    """The first page of a round."""
    book: GoogleBook = call.book
    settings, cursors = call.world.settings, call.world.cursors
    token = call.query.get("syncToken")
    if token is None:
        if call.world.over("full", book.address, settings.google_full_passes_per_hour, 3_600):
            raise errors.throttled()
        people = list(book.people(other=other))
        _sort(people, order)
        items = [record.key for record in people]
        since, full_at = None, call.now
    else:
        sync = cursors.syncs.get(token)
        if sync is None or (sync.address, sync.kind) != (book.address, name):
            raise errors.invalid("The sync token is invalid.", "sync_token")
        if token in cursors.dead or call.now - sync.full_at > settings.google_sync_lifetime:
            raise errors.sync_expired(settings.expired_status)
        if sync.asked != asked:
            raise errors.invalid("Request parameters must match the first call that returned the sync token.")
        since, full_at = sync.revision, sync.full_at
        changed = [
            record for record in book.records.values() if record.revision > since and _is_in(record, other, since)
        ]
        items = [record.key for record in sorted(changed, key=lambda record: record.revision)]
    return Listing(
        cursors.next_round(), book.address, name, asked, items, since, book.revision, full_at, call.now, size, mask
    )


def _is_in(record: Record, other: bool, since: int) -> bool:
    """Whether a change is told in this list: where somebody is, and for other contacts where they were."""
    if record.other is other:
        return True
    return other and any(folder == "otherContacts" and at > since for at, folder in record.left)


def _sort(people: list[Record], order: str) -> None:
    if order.startswith("LAST_MODIFIED"):
        people.sort(key=lambda record: record.revision, reverse=order.endswith("DESCENDING"))
    else:
        part = "given" if order.startswith("FIRST") else "family"
        people.sort(key=lambda record: record.contact.get(part, ""))


def _round(call: Call, name: str, asked: str, size: int) -> tuple[Listing[object] | None, int]:
    token = call.query.get("pageToken")
    if token is None:
        return None, 0
    cursors = call.world.cursors
    listing, offset = cursors.pages.get(token, (None, 0))
    if listing is None or (listing.address, listing.kind) != (call.book.address, name) or token in cursors.dead:
        raise errors.invalid("The page token is invalid or has expired.", "page_token")
    if call.now - listing.made > call.world.settings.page_lifetime:
        raise errors.invalid("The page token is invalid or has expired.", "page_token")
    token_given = call.query.get("syncToken") is not None
    if listing.asked != asked or token_given is not (listing.since is not None):
        raise errors.invalid("Request parameters must match the first call that returned the page token.")
    return listing, offset


# --- labels


def groups(call: Call) -> Response:
    _allowed(call, CONTACTS)
    _only(call, "groupFields pageSize pageToken syncToken")
    fields = (
        _mask(call, "groupFields", _GROUP_FIELDS) if call.query.get("groupFields") else _GROUP_FIELDS - {"clientData"}
    )
    size = _size(call, 30)
    asked = repr((sorted(fields), size))
    listing, offset = _round(call, "contactGroups", asked, size)
    if listing is None:
        listing = _begin_groups(call, asked, size)
    cap = call.world.settings.page_cap
    end = offset + (min(size, cap) if cap else size)
    page = [_group(call, identity, fields) for identity in cast(Sequence[str], listing.items[offset:end])]
    call.items = len(page)
    body: Json = {"contactGroups": page} if page else {}
    body["totalItems"] = len(listing.items)
    if end < len(listing.items):
        body["nextPageToken"] = call.world.cursors.page(listing, end)
    # Unlike the lists of people, this one says it on every page.
    body["nextSyncToken"] = call.world.cursors.sync(listing)
    return answer(body)


def _begin_groups(call: Call, asked: str, size: int) -> Listing[object]:
    book: GoogleBook = call.book
    cursors = call.world.cursors
    token = call.query.get("syncToken")
    if token is None:
        own = [group.id for group in book.groups.values() if not group.deleted]
        items: list[str] = [*(f"contactGroups/{name}" for name in _SYSTEM_GROUPS), *own]
        since, full_at = None, call.now
    else:
        sync = cursors.syncs.get(token)
        if sync is None or (sync.address, sync.kind) != (book.address, "contactGroups"):
            raise errors.invalid("The sync token is invalid.", "sync_token")
        if token in cursors.dead or call.now - sync.full_at > call.world.settings.google_sync_lifetime:
            raise errors.sync_expired(call.world.settings.expired_status)
        since, full_at = sync.revision, sync.full_at
        items = [group.id for group in book.groups.values() if group.revision > since]
    return Listing(
        cursors.next_round(), book.address, "contactGroups", asked, items, since, book.revision, full_at, call.now, size
    )


def _group(call: Call, identity: str, fields: frozenset[str]) -> Json:
    book: GoogleBook = call.book
    group = book.groups.get(identity)
    if group is None:
        return _system_group(book, identity, fields)
    found: Json = {"resourceName": identity, "etag": book.seed.base64("group", identity, group.revision, size=9)}
    if "metadata" in fields:
        found["metadata"] = {"updateTime": iso(group.touched, fraction=6)} | (
            {"deleted": True} if group.deleted else {}
        )
    if "groupType" in fields:
        found["groupType"] = "USER_CONTACT_GROUP"
    if "name" in fields:
        found |= {"name": group.name, "formattedName": group.name}
    if "memberCount" in fields:
        found["memberCount"] = _members(book, group)
    return found


def _system_group(book: GoogleBook, identity: str, fields: frozenset[str]) -> Json:
    name = identity.removeprefix("contactGroups/")
    found: Json = {"resourceName": identity}
    if "groupType" in fields:
        found["groupType"] = "SYSTEM_CONTACT_GROUP"
    if "name" in fields:
        shown = "My Contacts" if name == "myContacts" else name[:1].upper() + name[1:]
        found |= {"name": name, "formattedName": shown}
    if name in {"myContacts", "starred"}:
        found["etag"] = book.seed.base64("group", name, size=9)
        if "metadata" in fields:
            found["metadata"] = {"updateTime": iso(BORN, fraction=6)}
        if "memberCount" in fields and name == "myContacts":
            found["memberCount"] = sum(1 for _ in book.people())
    return found


def _members(book: GoogleBook, group: Group) -> int:
    return sum(group.name in record.contact.get("labels", ()) for record in book.people())


# --- strictness


def _allowed(call: Call, scope: str) -> None:
    access = call.access
    if access is None:
        raise errors.unauthenticated(given="authorization" in call.request.headers)
    if access.grant.provider != "google" or access.grant.withdrawn or access.ends <= call.now:
        raise errors.unauthenticated(given=True)
    if scope not in access.scopes:
        raise errors.scope_missing(call)
    if call.world.over("google", call.book.address, call.world.settings.google_reads_per_minute, 60):
        raise errors.throttled()


def _only(call: Call, names: str) -> None:
    for name in call.query:
        if name not in _STANDARD and name not in names.split():
            raise errors.invalid(
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                f"Field '{name}' could not be found in request message."
            )


def _no_value(field: str, kind: str, value: str) -> Exception:
    return errors.invalid(f"Invalid value at '{field}' ({kind}), \"{value}\"", field)


def _mask(call: Call, name: str, known: frozenset[str]) -> frozenset[str]:
    text = call.query.get(name, "")
    if not text:
        message = (
            f"{name} mask is required. Please specify one or more valid paths. Valid paths are documented at {_DOCS}."
        )
        raise errors.invalid(message, name)
    paths = frozenset(text.split(","))
    for path in sorted(paths - known):
        raise errors.invalid(f'Invalid {name} mask path: "{path}". Valid paths are documented at {_DOCS}.', name)
    return paths


def _size(call: Call, default: int) -> int:
    text = call.query.get("pageSize", "0")
    if not text.lstrip("-").isdigit():
        raise _no_value("page_size", "TYPE_INT32", text)
    size = int(text)
    if size < 0 or size > 1_000:
        raise errors.invalid("Page size must be between 1 and 1000.", "page_size")
    return size or default


def _flag(call: Call, name: str) -> bool:
    text = call.query.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise _no_value(name, "TYPE_BOOL", text)
    return text == "true"


def _sources(call: Call) -> set[str]:
    given = call.query.getlist("sources")
    for source in given:
        if source not in _SOURCES:
            raise _no_value("sources", "type.googleapis.com/google.people.v1.ReadSourceType", source)
    return set(given) or {"READ_SOURCE_TYPE_CONTACT", "READ_SOURCE_TYPE_PROFILE"}
