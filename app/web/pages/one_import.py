"""One import, live: the page as it stands now, and its two lists alone for the page to fetch again."""

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import Rejected
from app.core.imports import State
from app.core.principals import require
from app.web.pages import reading
from app.web.services import Services, services
from app.web.templates import page

CONTACTS = 12
PROBLEMS = 5
MORE_PROBLEMS = 25


async def show(request: Request) -> Response:
    """`?part=contacts`, `?part=problems` and `?part=file` answer with that part only."""
    principal = require(request.scope)
    found = services(request)
    state = await state_of(request, principal.workspace, request.path_params["id"])
    part = request.query_params.get("part")
    if part == "contacts":
        values = await _contacts(found, state)
        return page(request, "parts/import-contacts.html", state=reading.state(state), **values)
    if part == "problems":
        values = await _problems(found, state, request.query_params.get("after"))
        return page(request, "parts/problems.html", state=reading.state(state), **values)
    if part == "file":
        return page(request, "parts/import-file.html", **await _file(request, state))
    # A state just told to the browser may be newer than ours, so only a whole page believes that nothing is wrong.
    values = {"problems": None, **await _contacts(found, state), **await _file(request, state)}
    if state.rejected:
        values |= await _problems(found, state, None)
    return page(request, "import.html", state=reading.state(state), **values)


async def state_of(request: Request, workspace: UUID, import_id: UUID) -> State:
    """The newest state of an import; one that was only just asked for, the jobs service knows.

    Raises Rejected `not_found`.
    """
    found = await reading.find(services(request), workspace, import_id)
    if found is not None:
        return found
    asked_for: State = await request.state.intake.state(workspace, import_id)
    return asked_for


async def _contacts(found: Services, state: State) -> dict[str, Any]:
    listed = await found.lookup.contacts(state.workspace, import_=state.id, limit=CONTACTS)
    return {"contacts": [reading.contact(one) for one in listed.contacts]}


async def _file(request: Request, state: State) -> dict[str, Any]:
    """How long what came in is kept; of an import that was asked for elsewhere, nobody here can say."""
    try:
        file = await request.state.intake.file(state.workspace, state.id)
    except Rejected:
        file = {"kept_until": None, "deleted_at": None}
    return {"file": file, "days": services(request).config.file_retention_days}


async def _problems(found: Services, state: State, after: str | None) -> dict[str, Any]:
    limit = MORE_PROBLEMS if after else PROBLEMS
    return {"problems": await found.lookup.problems(state.workspace, state.id, after=after, limit=limit)}
