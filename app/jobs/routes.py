"""The jobs service's part of the API (design.md section 6): previews, imports, uploads."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import trace
from app.core import principals
from app.core.audit import Note
from app.core.errors import Rejected
from app.core.imports import State
from app.core.principals import Principal
from app.core.reading.plans import parse
from app.jobs import asking, bodies, previewing
from app.jobs.asking import Asked
from app.jobs.intake import Intake
from app.jobs.jobs import Job, requested
from app.jobs.uploads import Body, Conflict

TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}


async def preview(request: Request) -> Response:
    """How the file would be understood; nothing is kept."""
    principal = principals.require(request.scope, "member")
    size = request.query_params.get("size")
    intake = _intake(request)
    intake.count_preview(principal.workspace)
    whole_size = asking.whole_number(size, "size") if size else None
    async with bodies.asked_preview(request, intake.spool.folder) as asked:
        given = parse(asked.plan) if asked.plan else None
        before = previewing.before(await intake.before(principal.workspace, asked.head, whole_size or asked.size))
        if asked.container is not None:
            asking.whole_container(asked.size, whole_size)
            understood = await intake.preview_container(principal.workspace, asked.container, given)
            return _json(previewing.container(understood) | before)
        found = await intake.preview(principal.workspace, asked.head, whole_size, given)
    return _json(previewing.file(found, asked.size if whole_size is None else whole_size) | before)


async def create_import(request: Request) -> Response:
    """Writes a request for an import down. A body that is not JSON is the file itself."""
    principal = principals.require(request.scope, "member")
    key = asking.idempotency_key(request.headers.get("idempotency-key"), required=principal.by == "session")
    media_type = bodies.media_type(request)
    if media_type.startswith("multipart/"):
        raise Rejected("unsupported_media_type", "Send the file itself as the body, not a form.")
    intake = _intake(request)
    if media_type == "application/json":
        body = await bodies.small(request, asking.MAX_ASKING_BYTES)
        job = await _requested(intake, principal, asking.from_json(body), key)
        await _note(request)(principal, "import.requested", str(job.id))
        upload = {"url": intake.upload_url(job)} if job.source == "file" else None
        return _accepted(job, requested(job), upload=upload)
    length = bodies.length(request)
    asked = asking.from_query(request.query_params, length)
    chunks = await bodies.file_of(request)
    job = await _requested(intake, principal, asked, key)
    await _note(request)(principal, "import.requested", str(job.id))
    try:
        await intake.uploads.write(job.workspace, job.id, Body(chunks=chunks, length=length))
    except Conflict as conflict:
        return _conflict(conflict)
    wait = asking.wait_seconds(request.headers.get("prefer", ""))
    state = await intake.ended(job.workspace, job.id, wait)
    return _accepted(job, state, headers={"Preference-Applied": f"wait={wait}"} if wait else {})


async def write(request: Request) -> Response:
    """PUT: the file, or with Upload-Offset the rest of it. PATCH: bytes from Upload-Offset on."""
    principal = principals.require(request.scope, "member")
    asking.tus_version(request.headers.get("tus-resumable"))
    offset = request.headers.get("upload-offset")
    complete = request.headers.get("upload-complete")
    if offset is None and request.method == "PATCH":
        raise Rejected("bad_request", "A PATCH needs the header Upload-Offset.")
    body = Body(
        chunks=bodies.pieces(request),
        offset=None if offset is None else asking.whole_number(offset, "Upload-Offset"),
        length=bodies.length(request),
        seals=request.method == "PUT" if complete is None else complete == "?1",
    )
    try:
        job = await _intake(request).uploads.write(principal.workspace, _id(request), body)
    except Conflict as conflict:
        return _conflict(conflict)
    return Response(status_code=204, headers=_stand(job))


async def offset(request: Request) -> Response:
    """Where the upload stands."""
    principal = principals.require(request.scope, "member")
    asking.tus_version(request.headers.get("tus-resumable"))
    try:
        job = await _intake(request).uploads.offset(principal.workspace, _id(request))
    except Conflict as conflict:
        return _conflict(conflict)
    return Response(headers=_stand(job))


async def abilities(request: Request) -> Response:
    """What of tus is spoken here."""
    principals.require(request.scope)
    return Response(
        status_code=204,
        headers={**TUS, "Tus-Version": "1.0.0", "Tus-Max-Size": str(_intake(request).max_upload_bytes)},
    )


async def one_import(request: Request) -> Response:
    """The state of an import."""
    principal = principals.require(request.scope)
    return _json(await _intake(request).state(principal.workspace, _id(request)))


async def cancel(request: Request) -> Response:
    """Stops an import."""
    principal = principals.require(request.scope, "member")
    state = await _intake(request).cancel(principal, _id(request))
    await _note(request)(principal, "import.cancelled", str(state.id))
    return _json({"id": state.id, "state": state}, status=202)


async def file(request: Request) -> Response:
    """How long what was uploaded can be read."""
    principal = principals.require(request.scope)
    return _json(await _intake(request).file(principal.workspace, _id(request)))


async def delete_file(request: Request) -> Response:
    """Makes what was uploaded unreadable, everywhere."""
    principal = principals.require(request.scope, "member")
    intake, import_id = _intake(request), _id(request)
    if await intake.has_file(principal.workspace, import_id):
        await _note(request)(principal, "file.deleted", str(import_id))
    return _json(await intake.delete_file(principal, import_id))


async def finish(request: Request) -> Response:
    """Ends an upload with what came of it."""
    principal = principals.require(request.scope, "member")
    try:
        job = await _intake(request).uploads.finish(principal.workspace, _id(request))
    except Conflict as conflict:
        return _conflict(conflict)
    return _json({"id": job.id, "state": await _intake(request).state(job.workspace, job.id)}, status=202)


ROUTES = [
    Route("/api/v1/previews", preview, methods=["POST"]),
    Route("/api/v1/imports", create_import, methods=["POST"]),
    Route("/api/v1/imports/{id}", one_import, methods=["GET"]),
    Route("/api/v1/imports/{id}/cancel", cancel, methods=["POST"]),
    Route("/api/v1/imports/{id}/finish", finish, methods=["POST"]),
    Route("/api/v1/imports/{id}/file", file, methods=["GET"]),
    Route("/api/v1/imports/{id}/file", delete_file, methods=["DELETE"]),
    Route("/api/v1/uploads/{id}", abilities, methods=["OPTIONS"]),
    Route("/api/v1/uploads/{id}", offset, methods=["HEAD"]),
    Route("/api/v1/uploads/{id}", write, methods=["PUT", "PATCH"]),
]


def _intake(request: Request) -> Intake:
    found: Intake = request.state.intake
    return found


async def _requested(intake: Intake, principal: Principal, asked: Asked, key: str | None) -> Job:
    with trace.span("intake") as span:
        job = await intake.request(principal, asked, key)
        span.say("addressbus.import", str(job.id))
        return job


def _note(request: Request) -> Note:
    found: Note = request.state.audit
    return found


def _id(request: Request) -> UUID:
    return asking.import_id(request.path_params["id"])


def _accepted(
    job: Job, state: State, *, upload: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    members: dict[str, object] = {"id": job.id, "state": state}
    if upload is not None:
        members["upload"] = upload
    location = {"Location": f"/api/v1/imports/{job.id}"}
    return _json(members, status=202, headers={**location, **(headers or {})})


def _stand(job: Job) -> dict[str, str]:
    headers = {**TUS, "Upload-Offset": str(job.received), "Upload-Complete": "?1" if job.sealed else "?0"}
    return headers if job.size is None else {**headers, "Upload-Length": str(job.size)}


def _conflict(conflict: Conflict) -> Response:
    """RFC 9457, with the offset where it belongs."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus.CONFLICT.phrase,
        "status": HTTPStatus.CONFLICT.value,
        "code": conflict.code,
        "detail": conflict.detail,
        "upload_offset": conflict.job.received,
    }
    return Response(
        msgspec.json.encode(document),
        status_code=HTTPStatus.CONFLICT,
        media_type="application/problem+json",
        headers=_stand(conflict.job),
    )


def _json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(value), status_code=status, media_type="application/json", headers=dict(headers or {})
    )
