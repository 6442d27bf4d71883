"""The jobs service's routes described (OpenAPI 3.1): path -> method -> operation."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "format": "uuid"}
_BYTES: Schema = {"type": "integer", "minimum": 0}
_OBJECT: Schema = {"type": "object"}
_PLAN: Schema = {"type": "object", "description": "how a file is to be understood; what is missing is found out"}
_STATE: Schema = {
    "type": "object",
    "description": "the whole state of an import",
    "required": ["id", "version", "status"],
}
_FILE: Schema = {"type": "string", "format": "binary"}


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


_ASKED = _object(
    {"source": {"type": "string", "enum": ["file", "google", "microsoft"]}},
    {
        "channel": {"type": ["string", "null"], "description": "told of every step; must be of this workspace"},
        "name": {"type": "string", "maxLength": 255},
        "size": {"type": ["integer", "null"], "minimum": 0, "description": "of the file, in bytes"},
        "plan": _PLAN,
        "connection": {"type": ["string", "null"], "description": "of google and microsoft: the connected account"},
        "full": {"type": "boolean", "description": "of an account: everything, not only what changed since last time"},
        "deletions": {
            "type": "string",
            "enum": ["show", "apply"],
            "description": "of an account: who is deleted there is only counted (the default), or deleted here, too",
        },
    },
)
_ACCEPTED = _object({"id": _ID, "state": _STATE}, {"upload": _object({"url": {"type": "string", "format": "uri"}})})
_KEPT = _object({"kept_until": {"type": ["number", "null"]}, "deleted_at": {"type": ["number", "null"]}})
_LIST: Schema = {"type": "array", "items": _OBJECT}
_PREVIEW = _object(
    {
        "plan": _PLAN,
        "columns": _LIST,
        "encodings": _LIST,
        "contacts": _LIST,
        "problems": _LIST,
        "warnings": _LIST,
        "estimated_rows": {"type": "integer"},
    },
    {
        "before": {
            **_object({"id": _ID, "name": _TEXT, "at": {"type": "number"}, "by": _TEXT}),
            "description": "the last import of this file, known by its size and its first 256 KB",
        },
        "sheets": {"type": "array", "items": _TEXT, "description": "of a workbook with several; `plan.sheet` is read"},
        "members": {
            "type": "array",
            "items": _object(
                {"name": _TEXT},
                {"format": _TEXT, "estimated_rows": {"type": "integer"}, "code": _TEXT, "detail": _TEXT},
            ),
            "description": "of a ZIP archive: its files, and why some are not read (`code`, `detail`)",
        },
    },
)


def _in(place: str, name: str, schema: Schema, what: str = "", *, required: bool = False) -> Schema:
    described = {"description": what} if what else {}
    return {"name": name, "in": place, "required": required, "schema": schema, **described}


_KEY = _in(
    "header",
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    "required from browsers; remembered for at least 48 hours",
)
_OF_PATH = _in("path", "id", _ID, required=True)
_UPLOAD_OFFSET = _in("header", "Upload-Offset", _BYTES, "where these bytes begin in the file")
_UPLOAD_COMPLETE = _in(
    "header", "Upload-Complete", {"type": "string", "enum": ["?0", "?1"]}, "whether the file ends with this body"
)
_STANDS: Mapping[str, Any] = {
    "Upload-Offset": {"schema": _BYTES, "description": "how many bytes of the file are safe"},
    "Upload-Complete": {"schema": _TEXT},
    "Upload-Length": {"schema": _BYTES, "description": "present if the size is known"},
    "Tus-Resumable": {"schema": _TEXT},
}
_PROBLEM: Mapping[str, Any] = {"$ref": "#/components/responses/Problem"}


def _answer(summary: str, schema: Schema) -> Mapping[str, Any]:
    return {"description": summary, "content": {"application/json": {"schema": schema}}}


def _body(*types: tuple[str, Schema]) -> Mapping[str, Any]:
    return {"required": True, "content": {media: {"schema": schema} for media, schema in types}}


def _operation(
    summary: str, answers: Mapping[str, Any], parameters: tuple[Schema, ...] = (), body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": summary, "responses": {**answers, "default": _PROBLEM}}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = body
    return operation


_STOOD = {
    "204": {"description": "The bytes are safe.", "headers": _STANDS},
    "409": {
        "description": "These bytes do not go here (`wrong_offset`, `overtaken`, `different_file`).",
        "headers": _STANDS,
        "content": {"application/problem+json": {"schema": _OBJECT}},
    },
    "410": _PROBLEM,
    "413": _PROBLEM,
}

OPENAPI_PATHS: Mapping[str, Mapping[str, Any]] = {
    "/api/v1/previews": {
        "post": _operation(
            "How a file would be understood: the first 256 KB of it, or all of a workbook or ZIP archive (64 MB)",
            {"200": _answer("What was found.", _PREVIEW)},
            (_in("query", "name", _TEXT), _in("query", "size", _BYTES, "of the whole file, in bytes")),
            _body(
                ("application/octet-stream", _FILE),
                ("multipart/form-data", _object({"head": _FILE}, {"plan": _PLAN})),
            ),
        )
    },
    "/api/v1/imports": {
        "post": _operation(
            "Request an import; a body that is not JSON is the file itself, its parameters are in the query",
            {"202": _answer("It was written down and told.", _ACCEPTED)},
            (
                _KEY,
                _in("header", "Prefer", _TEXT, "`wait=60` holds the answer to a file until the import has ended"),
                _in("query", "name", _TEXT),
                _in("query", "size", _BYTES),
                _in("query", "channel", _TEXT),
                _in("query", "plan", _TEXT, "as JSON"),
            ),
            _body(("application/json", _ASKED), ("application/octet-stream", _FILE)),
        )
    },
    "/api/v1/imports/{id}": {
        "get": _operation("One import as it is now", {"200": _answer("Its whole state.", _STATE)}, (_OF_PATH,))
    },
    "/api/v1/imports/{id}/cancel": {
        "post": _operation(
            "Stop an import; what was imported stays",
            {"202": _answer("It stops.", _object({"id": _ID, "state": _STATE}))},
            (_OF_PATH,),
        )
    },
    "/api/v1/imports/{id}/file": {
        "get": _operation(
            "How long what was uploaded can be read; null while the import runs",
            {"200": _answer("Unix seconds.", _KEPT)},
            (_OF_PATH,),
        ),
        "delete": _operation(
            "Make what was uploaded unreadable, everywhere and for ever, rows that were not imported included;"
            " contacts stay, and doing it twice is harmless",
            {"200": _answer("Nobody can read it any more.", _KEPT), "409": _PROBLEM},
            (_OF_PATH,),
        ),
    },
    "/api/v1/imports/{id}/finish": {
        "post": _operation(
            "End an upload with what has come of the file, whatever its announced size; harmless if it has ended",
            {
                "202": _answer("What came is imported.", _object({"id": _ID, "state": _STATE})),
                "409": _STOOD["409"],
                "410": _PROBLEM,
            },
            (_OF_PATH,),
        )
    },
    "/api/v1/uploads/{id}": {
        "options": _operation(
            "What of tus is spoken here",
            {
                "204": {
                    "description": "Nothing but this.",
                    "headers": {"Tus-Version": {"schema": _TEXT}, "Tus-Max-Size": {"schema": _BYTES}},
                }
            },
            (_OF_PATH,),
        ),
        "head": _operation(
            "Where an upload stands", {"200": {"description": "It stands here.", "headers": _STANDS}}, (_OF_PATH,)
        ),
        "put": _operation(
            "The file, or with Upload-Offset the rest of it",
            _STOOD,
            (_OF_PATH, _UPLOAD_OFFSET, _UPLOAD_COMPLETE),
            _body(("application/octet-stream", _FILE)),
        ),
        "patch": _operation(
            "The next bytes of the file (tus 1.0)",
            _STOOD,
            (_OF_PATH, {**_UPLOAD_OFFSET, "required": True}, _UPLOAD_COMPLETE),
            _body(("application/offset+octet-stream", _FILE)),
        ),
    },
}
