"""The API described (OpenAPI 3.1). Each service describes its own paths; a test holds them against the routes.

`OPENAPI_PATHS` is path -> method -> operation. An operation is written with `operation`, so that all of them say
the same about credentials and problems.
"""

from collections.abc import Mapping
from typing import Any

Paths = Mapping[str, Mapping[str, Any]]
Schema = Mapping[str, Any]

_ROLE = {"type": "string", "enum": ["owner", "member", "viewer"]}
_ID = {"type": "string", "format": "uuid"}
_TIME = {"type": "number", "description": "Unix seconds"}


def obj(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these members; further ones may come within v1."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def listed(name: str, item: Schema) -> Schema:
    """An object whose one member is a list."""
    return obj({name: {"type": "array", "items": item}})


def operation(
    summary: str,
    answers: Mapping[int, Schema | None],
    *,
    body: Schema | None = None,
    parameters: tuple[Mapping[str, Any], ...] = (),
    public: bool = False,
) -> dict[str, Any]:
    """One operation. An answer of None has no body; `public` needs no credential."""
    responses: dict[str, Any] = {"default": {"$ref": "#/components/responses/Problem"}}
    for status, schema in answers.items():
        content = {"content": {"application/json": {"schema": schema}}} if schema is not None else {}
        responses[str(status)] = {"description": summary, **content}
    described: dict[str, Any] = {"summary": summary, "responses": responses}
    if body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    if parameters:
        described["parameters"] = list(parameters)
    if public:
        described["security"] = []
    return described


def in_path(name: str, schema: Schema = _ID) -> Mapping[str, Any]:
    """A parameter that is part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "maxLength": 100}
_CODE = obj({"code": {"type": "string", "description": "as it stands behind the # of a sign-in link, or as typed"}})
_OFFER = obj(
    {
        "kind": {"type": "string", "enum": ["sign_in", "invitation"]},
        "workspace": _ID,
        "workspace_name": _TEXT,
        "address": _TEXT,
        "role": _ROLE,
        "expires_at": _TIME,
    }
)
_MEMBER = obj({"id": _ID, "address": _TEXT, "role": _ROLE, "since": _TIME})
_INVITATION = obj(
    {"id": _ID, "address": _TEXT, "role": _ROLE, "invited_by": _TEXT, "created_at": _TIME, "expires_at": _TIME}
)
_NULLABLE_TIME = {"type": ["number", "null"], "description": "Unix seconds"}
_TOKEN = obj(
    {
        "id": _ID,
        "name": _NAME,
        "role": _ROLE,
        "by": _TEXT,
        "created_at": _TIME,
        "last_use": _NULLABLE_TIME,
        "expires_at": _NULLABLE_TIME,
    }
)
_SESSION = obj(
    {
        "id": _ID,
        "agent": _TEXT,
        "created_at": _TIME,
        "last_use": _TIME,
        "expires_at": _TIME,
        "current": {"type": "boolean"},
    }
)
_SETTING = obj({"name": _TEXT, "value": {}})
_WISH = obj({"kind": _TEXT, "to": {"type": "integer"}})
_BY_NAME = in_path("name", {"type": "string"})

OPENAPI_PATHS: Paths = {
    "/api/v1/openapi.json": {"get": operation("This description", {200: {"type": "object"}}, public=True)},
    "/api/v1/channels": {
        "post": operation(
            "A channel to hear imports on, with a token for the WebSocket",
            {
                201: obj(
                    {"channel": _TEXT, "token": _TEXT, "url": {"type": "string", "format": "uri"}, "expires_at": _TIME}
                )
            },
            body=obj({}, {"channel": _TEXT, "scope": {"type": "string", "enum": ["workspace", "operators"]}}),
        )
    },
    "/api/v1/operate/scale": {
        "post": operation(
            "More or fewer processes of a kind, for operators, where the stack lets it be asked for",
            {202: _WISH},
            body=_WISH,
        )
    },
    "/api/v1/settings/{name}": {
        "get": operation("One setting of the workspace", {200: _SETTING}, parameters=(_BY_NAME,)),
        "put": operation(
            "Change a setting; the next import uses it",
            {200: _SETTING},
            body=obj({"value": {}}),
            parameters=(_BY_NAME,),
        ),
    },
    "/api/v1/me": {
        "get": operation(
            "Who this credential is, and where",
            {
                200: obj(
                    {
                        "id": _ID,
                        "name": _TEXT,
                        "address": _TEXT,
                        "role": _ROLE,
                        "by": {"type": "string", "enum": ["session", "token"]},
                        "operator": {"type": "boolean"},
                        "workspace": obj({"id": _ID, "slug": _TEXT, "name": _TEXT}),
                        "expires_at": _NULLABLE_TIME,
                    }
                )
            },
        )
    },
    "/api/v1/sessions": {"get": operation("One's own sessions", {200: listed("sessions", _SESSION)})},
    "/api/v1/sessions/{id}": {
        "delete": operation("End one of one's own sessions", {204: None}, parameters=(in_path("id"),))
    },
    "/api/v1/sign-out": {"post": operation("End the session that asks", {204: None})},
    "/api/v1/sign-in": {
        "post": operation("Use a code up and get a session cookie", {200: _OFFER}, body=_CODE, public=True)
    },
    "/api/v1/sign-in/offer": {
        "post": operation("What a code would do, without using it", {200: _OFFER}, body=_CODE, public=True)
    },
    "/api/v1/sign-in/link": {
        "post": operation(
            "Mail a sign-in link, if somebody here has this address",
            {202: obj({"sent": {"type": "boolean"}})},
            body=obj({"address": _TEXT}),
            public=True,
        )
    },
    "/api/v1/members": {"get": operation("The members of the workspace", {200: listed("members", _MEMBER)})},
    "/api/v1/members/{id}": {
        "patch": operation(
            "Change a member's role",
            {200: obj({"id": _ID, "role": _ROLE})},
            body=obj({"role": _ROLE}),
            parameters=(in_path("id"),),
        ),
        "delete": operation(
            "Remove a member with all their sessions and tokens", {204: None}, parameters=(in_path("id"),)
        ),
    },
    "/api/v1/invitations": {
        "get": operation("The open invitations", {200: listed("invitations", _INVITATION)}),
        "post": operation(
            "Invite an address; `link` is null when it was mailed",
            {201: {**_INVITATION, "properties": {**_INVITATION["properties"], "link": {"type": ["string", "null"]}}}},
            body=obj({"address": _TEXT}, {"role": _ROLE}),
        ),
    },
    "/api/v1/invitations/{id}": {
        "delete": operation("Withdraw an invitation", {204: None}, parameters=(in_path("id"),))
    },
    "/api/v1/tokens": {
        "get": operation("The tokens of the workspace", {200: listed("tokens", _TOKEN)}),
        "post": operation(
            "A new token; it is shown this once",
            {
                201: obj(
                    {"id": _ID, "name": _NAME, "role": _ROLE, "token": _TEXT, "days": {"type": ["integer", "null"]}}
                )
            },
            body=obj({"name": _NAME}, {"role": _ROLE, "expires_in_days": {"type": ["integer", "null"]}}),
        ),
    },
    "/api/v1/tokens/{id}": {"delete": operation("Revoke a token", {204: None}, parameters=(in_path("id"),))},
}


def document(public_url: str, *others: Paths) -> dict[str, Any]:
    """The whole description: our paths and those of the other parts."""
    paths: dict[str, Any] = {}
    for part in (OPENAPI_PATHS, *others):
        for path, operations in part.items():
            paths.setdefault(path, {}).update(operations)
    problem = obj(
        {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "stable; programs decide by it"},
            "detail": {"type": "string", "description": "a sentence for people"},
        }
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Addressbus", "version": "1", "description": "Contacts import, event-driven."},
        "servers": [{"url": public_url.rstrip("/")}],
        "security": [{"token": []}, {"session": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-addressbus"},
            },
            "schemas": {"Problem": problem},
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457)",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
            },
        },
    }
