"""The API of the history: every import that was, and the rows of one that could not be used."""

from collections.abc import AsyncIterator, Sequence
from typing import get_args
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.core.errors import Rejected
from app.core.events import Source
from app.core.imports import State, Status
from app.core.principals import require
from app.core.search import value
from app.web import spreadsheet
from app.web.contacts_api import AFTER, HOW_MANY, in_query, limit_of, one_of, pasted
from app.web.lookup import MOST, Lookup, Problem
from app.web.openapi import Paths, Schema, in_path, obj, operation
from app.web.routes import answer, id_of
from app.web.services import services

ADDED = ("addressbus:line", "addressbus:code", "addressbus:message")
"""The last columns of the download; the reader drops them when the mended file comes back."""


async def list_imports(request: Request) -> Response:
    principal = require(request.scope)
    asked = request.query_params
    page = await services(request).lookup.imports(
        principal.workspace,
        status=one_of(request, "status", get_args(Status)),
        source=one_of(request, "source", get_args(Source)),
        by=value(asked.get("by", "")),
        after=asked.get("after") or None,
        limit=limit_of(request),
    )
    return pasted("imports", page.docs, {"after": page.after})


async def list_problems(request: Request) -> Response:
    principal = require(request.scope)
    state = await _import(request, principal.workspace)
    after = request.query_params.get("after") or None
    return answer(
        await services(request).lookup.problems(principal.workspace, state.id, after=after, limit=limit_of(request))
    )


async def problems_csv(request: Request) -> Response:
    """The rejected rows as they were, and why: to be mended and imported again."""
    principal = require(request.scope)
    state = await _import(request, principal.workspace)
    lookup = services(request).lookup
    width = await lookup.widest_problem(principal.workspace, state.id)
    headers = {"Content-Disposition": f'attachment; filename="not-imported-{state.id}.csv"'}
    media_type = "text/csv; charset=utf-8"
    if request.method == "HEAD":
        return Response(headers=headers, media_type=media_type)
    return StreamingResponse(_table(lookup, state, width), headers=headers, media_type=media_type)


async def _table(lookup: Lookup, state: State, width: int) -> AsyncIterator[bytes]:
    names = _header(state, width)
    yield spreadsheet.BOM + spreadsheet.table([[*names, *ADDED]])
    after: str | None = None
    while True:
        page = await lookup.problems(state.workspace, state.id, after=after, limit=MOST)
        yield spreadsheet.table(_row(problem, len(names)) for problem in page.problems)
        after = page.after
        if after is None:
            return


def _header(state: State, width: int) -> list[str]:
    """The headers of the file, as far as its plan knows them."""
    columns = state.plan.columns if state.plan else None
    known = {column.index: column.header for column in columns or () if column.header}
    width = max([width, *[index + 1 for index in known]])
    return [known.get(index) or f"Column {index + 1}" for index in range(width)]


def _row(problem: Problem, width: int) -> Sequence[str]:
    cells = [*problem.cells, *[""] * (width - len(problem.cells))]
    return [*cells, str(problem.line), problem.code, " ".join(filter(None, (problem.message, problem.suggestion)))]


async def _import(request: Request, workspace: UUID) -> State:
    """The import that is asked for, as memory or the history knows it. Raises Rejected `not_found`."""
    import_id, found = id_of(request), services(request)
    state = found.imports.get(str(workspace), str(import_id)) or await found.lookup.import_(workspace, import_id)
    if state is None:
        raise Rejected("not_found", "There is no such import.")
    return state


ROUTES = [
    Route("/api/v1/imports", list_imports, methods=["GET"]),
    Route("/api/v1/imports/{id}/problems", list_problems, methods=["GET"]),
    Route("/api/v1/imports/{id}/problems.csv", problems_csv, methods=["GET"]),
]

# The description

_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "format": "uuid"}
_PAGED: Schema = {"type": ["string", "null"]}
_PROBLEM = obj(
    {
        "line": {"type": "integer"},
        "column": {"type": ["integer", "null"], "description": "counts from 0; null when the whole row is meant"},
        "code": _TEXT,
        "message": _TEXT,
        "suggestion": _TEXT,
        "cells": {"type": "array", "items": _TEXT},
    }
)
_CSV = operation("The rejected rows, to be mended and imported again", {}, parameters=(in_path("id"),))
_CSV["responses"]["200"] = {"description": "CSV", "content": {"text/csv": {"schema": _TEXT}}}


def _page(name: str, item: Schema) -> Schema:
    return obj({name: {"type": "array", "items": item}, "after": _PAGED})


OPENAPI_PATHS: Paths = {
    "/api/v1/imports": {
        "get": operation(
            "The history of imports, the newest first",
            {200: _page("imports", {"type": "object", "description": "the whole state of an import"})},
            parameters=(
                in_query("status", {"type": "string", "enum": list(get_args(Status))}),
                in_query("source", {"type": "string", "enum": list(get_args(Source))}),
                in_query("by"),
                AFTER,
                HOW_MANY,
            ),
        )
    },
    "/api/v1/imports/{id}/problems": {
        "get": operation(
            "Rows that could not be used, in the order of the file",
            {200: _page("problems", _PROBLEM)},
            parameters=(in_path("id"), AFTER, HOW_MANY),
        )
    },
    "/api/v1/imports/{id}/problems.csv": {"get": _CSV},
}
