"""The API of contacts: lists, one contact, counts. Stored JSON is pasted into the answer, nothing is encoded again."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.errors import Rejected
from app.core.events import EraseContact
from app.core.principals import require
from app.core.search import Facet
from app.core.topics import COMMANDS
from app.web.finding import Sort
from app.web.lookup import MOST, Filter
from app.web.openapi import Paths, Schema, in_path, listed, obj, operation
from app.web.routes import answer, id_of
from app.web.services import services

LIMIT = 50
QUERY_LENGTH = 200


async def list_contacts(request: Request) -> Response:
    principal = require(request.scope)
    wanted, sort = filter_of(request), sort_of(request)
    after, limit = request.query_params.get("after") or None, limit_of(request)
    page = await services(request).lookup.page(principal.workspace, wanted, sort=sort, after=after, limit=limit)
    facts = {"after": page.after, "total": page.total, "about": page.about}
    return pasted("contacts", page.docs, facts)


async def read_contact(request: Request) -> Response:
    principal = require(request.scope)
    doc = await services(request).lookup.contact(principal.workspace, id_of(request))
    if doc is None:
        raise Rejected("not_found", "There is nothing under this id.")
    return Response(doc, media_type="application/json")


async def erase_contact(request: Request) -> Response:
    """Asks for somebody to be erased: the importers do it at once, and the read model shows it in a moment."""
    principal = require(request.scope, "owner")
    found, contact = services(request), id_of(request)
    if await found.lookup.contact(principal.workspace, contact) is None:
        raise Rejected("not_found", "There is nothing under this id.")
    await found.audit.note(principal, "contact.erased", str(contact))
    command = EraseContact(workspace=principal.workspace, contact=contact, at=time.time())
    await found.producer.publish(COMMANDS, key=str(contact).encode(), value=msgspec.json.encode(command))
    return answer({"id": contact}, status=202)


async def count_contacts(request: Request) -> Response:
    principal = require(request.scope)
    by: Facet = one_of(request, "by", get_args(Facet)) or "label"
    counts = await services(request).lookup.counts(principal.workspace, by)
    return answer({"counts": counts})


# What a query says


def filter_of(request: Request) -> Filter:
    """Which contacts a query means. Raises Rejected `bad_query`."""
    asked = request.query_params
    q = asked.get("q", "").strip()
    if len(q) > QUERY_LENGTH:
        raise Rejected("bad_query", f"A search has at most {QUERY_LENGTH} characters.", parameter="q")
    try:
        import_ = UUID(asked["import"]) if asked.get("import") else None
    except ValueError:
        raise Rejected("bad_query", "`import` must be the id of an import.", parameter="import") from None
    return Filter(
        q=q,
        label=asked.get("label", ""),
        company=asked.get("company", ""),
        domain=asked.get("domain", ""),
        import_=import_,
    )


def sort_of(request: Request) -> Sort:
    """`sort` of a query. Raises Rejected `bad_query`."""
    sort: Sort = one_of(request, "sort", get_args(Sort)) or "newest"
    return sort


def one_of(request: Request, name: str, words: Sequence[str]) -> Any:
    """A parameter that must be one of these words; None where it is missing. Raises Rejected `bad_query`."""
    said = request.query_params.get(name) or None
    if said is not None and said not in words:
        raise Rejected("bad_query", f"`{name}` must be one of: {', '.join(words)}.", parameter=name)
    return said


def limit_of(request: Request) -> int:
    """`limit` of a query. Raises Rejected `bad_query`."""
    said = request.query_params.get("limit") or str(LIMIT)
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:9]) <= MOST):
        raise Rejected("bad_query", f"`limit` must be a number from 1 to {MOST}.", parameter="limit")
    return int(said)


def pasted(name: str, docs: Sequence[bytes], facts: Mapping[str, object]) -> Response:
    """An object with stored documents as the list `name`, and some facts about them."""
    body = b'{"%s":[%s],%s' % (name.encode(), b",".join(docs), msgspec.json.encode(facts)[1:])
    return Response(body, media_type="application/json")


ROUTES = [
    Route("/api/v1/contacts", list_contacts, methods=["GET"]),
    Route("/api/v1/contacts/counts", count_contacts, methods=["GET"]),
    Route("/api/v1/contacts/{id}", read_contact, methods=["GET"]),
    Route("/api/v1/contacts/{id}", erase_contact, methods=["DELETE"]),
]

# The description

_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "format": "uuid"}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


_VALUE = obj({"value": _TEXT}, {"label": _TEXT, "from": _ID})
_SOURCE = obj({"import": _ID, "source": _TEXT, "at": {"type": "integer"}})
_NAMES = ("name", "prefix", "given", "middle", "family", "suffix", "nickname", "company", "department", "title")
CONTACT = obj(
    {"id": _ID, "version": {"type": "integer"}, "updated_at": {"type": "number", "description": "Unix seconds"}},
    {
        **dict.fromkeys(_NAMES, _TEXT),
        "birthday": {"type": "string", "description": "1984-03-07 or --03-07"},
        "notes": _TEXT,
        "emails": _list(_VALUE),
        "phones": _list(obj({"value": _TEXT}, {"raw": _TEXT, "label": _TEXT, "from": _ID})),
        "addresses": _list(
            obj({}, dict.fromkeys(("label", "street", "city", "region", "postal_code", "country", "from"), _TEXT))
        ),
        "urls": _list(_VALUE),
        "labels": _list(_TEXT),
        "custom": {"type": "object", "additionalProperties": _TEXT},
        "origins": {"type": "object", "additionalProperties": _SOURCE},
        "sources": _list(_SOURCE),
    },
)
"""A contact; empty members are left out."""


def in_query(name: str, schema: Schema = _TEXT) -> Mapping[str, Any]:
    """An optional parameter of the query."""
    return {"name": name, "in": "query", "schema": schema}


AFTER = in_query("after", {"type": "string", "description": "the `after` of the page before"})
HOW_MANY = in_query("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT})
WHICH = (
    in_query("q", {"type": "string", "maxLength": QUERY_LENGTH, "description": "beginnings of words"}),
    in_query("label"),
    in_query("company"),
    in_query("domain"),
    in_query("import", _ID),
    in_query("sort", {"type": "string", "enum": list(get_args(Sort)), "default": "newest"}),
)
"""The filters of lists and exports."""

OPENAPI_PATHS: Paths = {
    "/api/v1/contacts": {
        "get": operation(
            "Contacts that fit all filters, a page at a time",
            {
                200: obj(
                    {
                        "contacts": _list(CONTACT),
                        "after": {"type": ["string", "null"]},
                        "total": {"type": "integer"},
                        "about": {"type": "boolean", "description": "there are more than `total`"},
                    }
                )
            },
            parameters=(*WHICH, AFTER, HOW_MANY),
        )
    },
    "/api/v1/contacts/counts": {
        "get": operation(
            "The 20 values that most contacts have",
            {200: {**listed("counts", obj({"value": _TEXT, "count": {"type": "integer"}}, {"name": _TEXT}))}},
            parameters=(in_query("by", {"type": "string", "enum": list(get_args(Facet)), "default": "label"}),),
        )
    },
    "/api/v1/contacts/{id}": {
        "get": operation("One contact", {200: CONTACT}, parameters=(in_path("id"),)),
        "delete": operation(
            "Erase a person: nothing readable of them is left, and no older import brings them back",
            {202: obj({"id": _ID})},
            parameters=(in_path("id"),),
        ),
    },
}
