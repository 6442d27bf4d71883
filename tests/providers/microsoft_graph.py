"""Microsoft Graph v1.0: contacts, folders, delta queries. Ids, cursors and limits behave as `providers.md` reports."""

import re
from collections.abc import Sequence
from typing import TypeVar, cast
from urllib.parse import quote, urlencode

import msgspec
from starlette.responses import Response

from tests.providers import graph_errors as errors
from tests.providers.book import Group, MicrosoftBook, Record
from tests.providers.cursors import Listing
from tests.providers.graph_shape import PROPERTIES
from tests.providers.microsoft_oauth import short
from tests.providers.world import Call, Json, answer

T = TypeVar("T")

_CONTEXT = "https://graph.microsoft.com/v1.0/$metadata#"
_PAGE = re.compile(r"odata\.maxpagesize\s*=\s*(\d+)", re.IGNORECASE)
_IMMUTABLE = re.compile(r'IdType\s*=\s*"?ImmutableId"?', re.IGNORECASE)


def me(call: Call) -> Response:
    _allowed(call, "user.read")
    assert call.account is not None
    return answer(
        {
            "@odata.context": f"{_CONTEXT}users/$entity",
            "id": call.account.subject,
            "displayName": call.account.name,
            "mail": call.account.address,
            "userPrincipalName": call.account.address,
            "businessPhones": [],
        }
    )


# --- plain lists


def contacts(call: Call) -> Response:
    """Of the default folder only."""
    _allowed(call, "contacts.read")
    return _contacts(call, call.book.default)


def folder_contacts(call: Call) -> Response:
    _allowed(call, "contacts.read")
    return _contacts(call, _folder(call).id)


def _contacts(call: Call, folder: str) -> Response:
    """Pages by `$skip` over what is there now: people who come and go between pages shift it, as in reality."""
    _only(call, {"$top", "$skip", "$select", "$count"})
    book: MicrosoftBook = call.book
    select = _select(call, PROPERTIES)
    there = [record for record in book.people() if record.folder == folder]
    page, rest = _paged(call, there, 10)
    encoded = [book.encode(record, select, immutable=_immutable(call), only=None) for record in page]
    if _flag(call, "$count"):
        rest = {"@odata.count": len(there), **rest}
    return _collection(call, f"users('{_me(call)}')/contacts", encoded, rest)


def folders(call: Call) -> Response:
    """Those below the root; the default one is left out, as known issues say, unless the settings want it."""
    _allowed(call, "contacts.read")
    book: MicrosoftBook = call.book
    listed = call.world.settings.list_default_folder
    return _folders(call, [one for one in _children(book, book.root) if listed or one.id != book.default])


def child_folders(call: Call) -> Response:
    _allowed(call, "contacts.read")
    return _folders(call, _children(call.book, _folder(call).id))


def folder(call: Call) -> Response:
    _allowed(call, "contacts.read")
    context = {"@odata.context": f"{_CONTEXT}users('{_me(call)}')/contactFolders/$entity"}
    return answer({**context, **_folder_json(_folder(call))})


def _children(book: MicrosoftBook, parent: str) -> list[Group]:
    return [one for one in book.groups.values() if one.parent == parent and not one.deleted]


def _folders(call: Call, there: Sequence[Group]) -> Response:
    _only(call, {"$top", "$skip", "$select", "$count"})
    _select(call, ["id", "displayName", "parentFolderId", "wellKnownName"])
    page, rest = _paged(call, there, 10)
    encoded = [msgspec.json.encode(_folder_json(one)) for one in page]
    return _collection(call, f"users('{_me(call)}')/contactFolders", encoded, rest)


def _folder_json(one: Group) -> Json:
    return {"id": one.id, "parentFolderId": one.parent, "displayName": one.name}


def _paged(call: Call, there: Sequence[T], default: int) -> tuple[list[T], Json]:
    """One page and, if there is more, the whole address of the next one."""
    skip = _number(call, "$skip", 0)
    top = min(_number(call, "$top", default), 1_000)
    size = min(top, call.world.settings.page_cap or top)
    page = list(there[skip : skip + size])
    call.items = len(page)
    if skip + size >= len(there):
        return list(page), {}
    query = {name: value for name, value in call.query.items() if name != "$skip"} | {"$skip": str(skip + size)}
    return list(page), {"@odata.nextLink": f"{call.origin}{_path(call)}?{urlencode(query, safe='$,')}"}


# --- delta


def contacts_delta(call: Call) -> Response:
    _allowed(call, "contacts.read")
    return _delta(call, call.book.default)


def folder_delta(call: Call) -> Response:
    _allowed(call, "contacts.read")
    return _delta(call, _folder(call).id)


def folders_delta(call: Call) -> Response:
    _allowed(call, "contacts.read")
    return _delta(call, None)


def _delta(call: Call, folder: str | None) -> Response:
    """A round over one folder's contacts, or (None) over the folders."""
    _only(call, {"$select", "$skiptoken", "$deltatoken", "$top"})
    kind = folder or "folders"
    listing, offset = _round(call, kind)
    if listing is None:
        listing = _begin(call, kind, folder)
    size = _page_size(call)
    end = min(offset + size, len(listing.items))
    items = [_item(call, listing, folder, one) for one in listing.items[offset:end]]
    encoded = [item for item in items if item is not None]
    call.items = len(encoded)
    cursors = call.world.cursors
    if end < len(listing.items):
        link = {"@odata.nextLink": _link(call, "$skiptoken", cursors.page(listing, end, "skip"))}
    else:
        link = {"@odata.deltaLink": _link(call, "$deltatoken", cursors.sync(listing, "delta"))}
    what = "Collection(contactFolder)" if folder is None else "Collection(contact)"
    return _collection(call, what, encoded, link)


def _round(call: Call, kind: str) -> tuple[Listing[object] | None, int]:
    token = call.query.get("$skiptoken")
    if token is None:
        return None, 0
    if set(call.query) != {"$skiptoken"}:
        raise errors.bad_query(call, "A nextLink carries everything: no other parameter may stand beside $skiptoken.")
    cursors = call.world.cursors
    listing, offset = cursors.pages.get(token, (None, 0))
    if listing is None or (listing.address, listing.kind) != (call.book.address, kind):
        raise errors.error(call, 400, "ErrorInvalidUrlQuery", "Badly formed token.")
    if token in cursors.dead or call.now - listing.made > call.world.settings.page_lifetime:
        raise errors.sync_lost(call)
    return listing, offset


def _begin(call: Call, kind: str, folder: str | None) -> Listing[object]:
    book: MicrosoftBook = call.book
    cursors, settings = call.world.cursors, call.world.settings
    token = call.query.get("$deltatoken")
    if not token:
        select = _select(call, PROPERTIES if folder else ["id", "displayName", "parentFolderId"])
        since, full_at = None, call.now
        if folder is None:
            items: list[object] = [one.id for one in book.groups.values() if not one.deleted]
        else:
            items = [record.key for record in book.people() if record.folder == folder]
    else:
        if set(call.query) != {"$deltatoken"}:
            raise errors.bad_query(
                call, "A deltaLink carries everything: no other parameter may stand beside $deltatoken."
            )
        sync = cursors.syncs.get(token)
        if sync is None or (sync.address, sync.kind) != (book.address, kind):
            raise errors.error(call, 400, "ErrorInvalidUrlQuery", "Badly formed token.")
        if token in cursors.dead or call.now - sync.full_at > settings.graph_delta_lifetime:
            raise errors.sync_lost(call)
        select, since, full_at = sync.mask, sync.revision, call.now
        if folder is None:
            items = [one.id for one in book.groups.values() if one.revision > since]
        else:
            changed = [record for record in book.records.values() if _touches(record, folder, since)]
            items = [record.key for record in sorted(changed, key=lambda record: record.revision)]
    return Listing(
        cursors.next_round(), book.address, kind, "", items, since, book.revision, full_at, call.now, 0, select
    )


def _touches(record: Record, folder: str, since: int) -> bool:
    """Whether a folder has something to say about somebody: they changed in it, or left it."""
    here = record.folder == folder and record.revision > since
    return here or any(at > since and left == folder for at, left in record.left)


def _item(call: Call, listing: Listing[object], folder: str | None, key: object) -> bytes | None:
    book: MicrosoftBook = call.book
    if folder is None:
        one = book.groups[cast(str, key)]
        if one.deleted:
            return _removed(one.id)
        return msgspec.json.encode(_folder_json(one))
    record = book.records[cast(int, key)]
    immutable = _immutable(call)
    if record.deleted or record.folder != folder:
        if listing.since is None and not record.deleted:
            # They left while the first round was on its way.
            return _removed(book.identity(record, immutable=immutable, folder=folder), "changed")
        return _removed(book.identity(record, immutable=immutable, folder=folder))
    partial = call.world.settings.partial_updates and listing.since is not None and record.changed and not record.left
    only = frozenset(record.changed) if partial else None
    return book.encode(record, listing.mask, immutable=immutable, only=only)


def _removed(identity: str, reason: str = "deleted") -> bytes:
    return msgspec.json.encode({"@removed": {"reason": reason}, "id": identity})


def _link(call: Call, name: str, token: str) -> str:
    return f"{call.origin}{_path(call)}?{name}={token}"


def _page_size(call: Call) -> int:
    settings = call.world.settings
    preferred = _PAGE.search(", ".join(call.request.headers.getlist("prefer")))
    asked = int(preferred[1]) if preferred else _number(call, "$top", 50)
    return max(1, min(asked, settings.delta_cap, settings.page_cap or settings.delta_cap))


# --- what all of them share


def _allowed(call: Call, scope: str) -> None:
    access = call.access
    if access is None:
        given = "authorization" in call.request.headers
        raise errors.unauthenticated(call, "JWT is not well formed." if given else "Access token is empty.")
    if access.grant.provider != "microsoft" or access.grant.withdrawn:
        raise errors.unauthenticated(call, "Access token validation failure. Invalid audience.")
    if access.ends <= call.now:
        raise errors.unauthenticated(call, "Lifetime validation failed, the token is expired.")
    if scope not in {short(one) for one in access.scopes}:
        raise errors.denied(call)


def _folder(call: Call) -> Group:
    """By its id, which is case-sensitive."""
    found = call.book.groups.get(call.request.path_params["folder"])
    if found is None or found.deleted:
        raise errors.missing(call)
    return cast(Group, found)


def _immutable(call: Call) -> bool:
    return bool(_IMMUTABLE.search(", ".join(call.request.headers.getlist("prefer"))))


def _only(call: Call, known: set[str]) -> None:
    for name in call.query:
        if name.startswith("$") and name not in known:
            raise errors.error(
                call, 400, "ErrorInvalidUrlQuery", f"The query parameter '{name}' is not supported here."
            )


def _select(call: Call, known: Sequence[str]) -> frozenset[str]:
    """Empty: everything."""
    given = [name.strip() for name in call.query.get("$select", "").split(",") if name.strip()]
    for name in given:
        if name not in known:
            kind = "microsoft.graph.contact"
            raise errors.bad_query(call, f"Could not find a property named '{name}' on type '{kind}'.")
    return frozenset(given)


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name)
    if text is None:
        return default
    if not text.isdigit() or (name == "$top" and int(text) == 0):
        raise errors.bad_query(call, f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _flag(call: Call, name: str) -> bool:
    return call.query.get(name, "false").lower() == "true"


def _me(call: Call) -> str:
    assert call.account is not None
    return quote(call.account.address, safe="@")


def _path(call: Call) -> str:
    return call.request.url.path


def _collection(call: Call, what: str, encoded: Sequence[bytes], rest: Json) -> Response:
    head = msgspec.json.encode({"@odata.context": f"{_CONTEXT}{what}", **rest})
    applied = [preference for preference in call.request.headers.getlist("prefer") if preference]
    headers = {
        "request-id": call.world.seed.uuid("request", call.entry.ordinal),
        "client-request-id": call.request.headers.get("client-request-id", ""),
    }
    if applied:
        headers["Preference-Applied"] = ", ".join(applied)
    return answer(head[:-1] + b',"value":[' + b",".join(encoded) + b"]}", headers=headers)
