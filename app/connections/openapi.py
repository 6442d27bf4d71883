"""The connections' routes described (OpenAPI 3.1): path -> method -> operation."""

from collections.abc import Mapping
from typing import Any

from app.connections.providers import NAMES

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "format": "uuid"}
_NAME: Schema = {"type": "string", "enum": list(NAMES)}
_YES_OR_NO: Schema = {"type": "boolean"}
_PROBLEM: Schema = {"$ref": "#/components/responses/Problem"}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _operation(summary: str, status: int, schema: Schema) -> dict[str, Any]:
    answer = {"description": summary, "content": {"application/json": {"schema": schema}}}
    return {"summary": summary, "responses": {str(status): answer, "default": _PROBLEM}}


_CONNECTION = _object(
    {
        "id": _ID,
        "provider": _NAME,
        "address": {"type": "string", "description": "what people know the account by"},
        "scopes": {"type": "array", "items": _TEXT},
        "other_contacts": _YES_OR_NO,
        "state": {"type": "string", "enum": ["connected", "reauthorise"]},
        "reason": {"type": ["string", "null"], "enum": ["refused", "scope", "claims", "no_mailbox", None]},
        "connected_by": _TEXT,
        "connected_at": {"type": "number", "description": "Unix seconds"},
        "last_import": {"type": ["string", "null"], "format": "uuid"},
    }
)
_PROVIDER = _object(
    {
        "provider": _NAME,
        "ready": _YES_OR_NO,
        "needs": {"type": "array", "items": _TEXT, "description": "the settings that an operator has to make first"},
    }
)
_WANTED = _object(
    {},
    {
        "other_contacts": {"type": "boolean", "description": "also the people one only wrote to (Google)"},
        "connection": {"type": ["string", "null"], "format": "uuid", "description": "the one to be connected again"},
    },
)
_BEGIN = {
    **_operation(
        "Where to send the browser, so that its person can agree",
        201,
        _object({"url": {"type": "string", "format": "uri"}, "expires_in": {"type": "integer"}}),
    ),
    "requestBody": {"required": False, "content": {"application/json": {"schema": _WANTED}}},
}

OPENAPI_PATHS: Mapping[str, Mapping[str, Any]] = {
    "/api/v1/connections": {
        "get": _operation(
            "The connected accounts, and which providers are set up here",
            200,
            _object(
                {
                    "connections": {"type": "array", "items": _CONNECTION},
                    "providers": {"type": "array", "items": _PROVIDER},
                }
            ),
        )
    },
    **{f"/api/v1/connections/{name}": {"post": _BEGIN} for name in NAMES},
    "/api/v1/connections/{id}": {
        "delete": {
            **_operation(
                "Disconnect an account: its tokens are deleted, and revoked where the provider has a way",
                200,
                _object({"revoked": _YES_OR_NO, "manage": {"type": "string", "format": "uri"}}),
            ),
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": _ID}],
        }
    },
}
