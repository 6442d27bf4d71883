"""For operators: what was given up, and how consumers get on.

Letters are brought back, and groups paused, by plain forms.
"""

from collections import Counter
from dataclasses import replace
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import dead
from app.core.errors import Rejected
from app.core.groups import CONSUMER, GROUPS, ORDERED, known_group, orders_of
from app.core.principals import Principal, require
from app.core.telemetry import AnySeen, GroupSeen
from app.dead import Letter
from app.lag import lags
from app.settings import GLOBAL
from app.web.services import services
from app.web.templates import page

ROWS = 200
SHOWN_BYTES = 64 * 1024
HOME = "/operate/dead"


def operator(request: Request) -> Principal:
    """Whoever the installation belongs to. Raises Rejected `not_signed_in`, and `not_found` for everybody else."""
    principal = require(request.scope)
    if not principal.operator:
        raise Rejected("not_found", "There is nothing under this address.")
    return principal


async def show(request: Request) -> Response:
    operator(request)
    letters = await services(request).letters.read()
    import_id, reason = _filters(request.query_params.get("import"), request.query_params.get("reason"))
    everything = request.query_params.get("all") == "1"
    found = dead.chosen(letters, import_id=import_id, reason=reason, waiting=not everything)
    return page(
        request,
        "operate.html",
        letters=found[:ROWS],
        more=max(0, len(found) - ROWS),
        waiting=len(dead.chosen(found, waiting=True)),
        reasons=Counter(letter.reason for letter in letters if everything or letter.replayed_at is None).most_common(
            50
        ),
        filters={"import": str(import_id or ""), "reason": reason, "all": "1" if everything else ""},
        replayed=_number(request.query_params.get("replayed")),
        groups=_groups(request),
    )


async def show_one(request: Request) -> Response:
    operator(request)
    letter = await services(request).letters.find(request.query_params.get("reference", ""))
    return page(request, "operate-letter.html", letter=letter, text=None, replayable=_replayable(letter))


async def show_bytes(request: Request) -> Response:
    """The bytes of a letter. Who looks at them is written down, for the owners, too: this is why it is no link."""
    principal = operator(request)
    form = await fields(request)
    letters = services(request).letters
    letter = await letters.find(form.get("reference", ""))
    if letter.workspace is not None:
        theirs = replace(principal, workspace=letter.workspace)
        await services(request).audit.note(theirs, "letter.shown", letter.reference)
    data = await letters.bytes_of(letter, principal.name)
    text = data[:SHOWN_BYTES].decode(errors="replace")
    return page(request, "operate-letter.html", letter=letter, text=text, replayable=_replayable(letter))


async def replay(request: Request) -> Response:
    """Brings back one letter, all that wait of an import or with a reason, or all that wait."""
    principal = operator(request)
    form = await fields(request)
    found = services(request)
    if form.get("reference"):
        wanted = [await found.letters.find(form["reference"])]
        dead.back(wanted[0])
    else:
        import_id, reason = _filters(form.get("import"), form.get("reason"))
        wanted = dead.chosen(await found.letters.read(), import_id=import_id, reason=reason, waiting=True)
    back = [letter for letter in wanted if _replayable(letter)]
    return _home(replayed=await found.letters.replay(found.producer, *back, by=principal.name))


async def order(request: Request) -> Response:
    """Pauses a consumer group, or lets it go on."""
    operator(request)
    form = await fields(request)
    found = services(request)
    name = f"{CONSUMER}{known_group(form.get('group', ''))}"
    orders = msgspec.structs.replace(orders_of(found.settings.get(GLOBAL, name)), paused=form.get("do") == "pause")
    await found.settings.put(found.producer, GLOBAL, name, msgspec.to_builtins(orders))
    return _home()


def _groups(request: Request) -> list[dict[str, object]]:
    """Each group, its lag if it is known, and what it was ordered to do."""
    found = services(request)
    return [
        {
            "name": group,
            "topics": [topic.name for topic in topics],
            "lag": _lag(found.telemetry.get(f"group:{group}")),
            "orders": orders_of(found.settings.get(GLOBAL, f"{CONSUMER}{group}")),
            "takes_orders": group in ORDERED,
        }
        for group, topics in GROUPS.items()
    ]


def _lag(seen: AnySeen | None) -> tuple[int, float] | None:
    """Records and seconds; None while nobody has looked."""
    if not isinstance(seen, GroupSeen):
        return None
    found = lags(seen.name, seen.topics)
    return sum(lag.records for lag in found), max(lag.oldest for lag in found)


async def fields(request: Request) -> dict[str, str]:
    """The text fields of a small form."""
    async with request.form(max_files=0, max_fields=4, max_part_size=4096) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def _filters(import_id: str | None, reason: str | None) -> tuple[UUID | None, str]:
    try:
        return UUID(import_id.strip()) if import_id and import_id.strip() else None, reason or ""
    except ValueError:
        raise Rejected("not_found", "There is no import with this id.") from None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _replayable(letter: Letter) -> bool:
    return letter.topic in dead.BACK


def _home(**said: int) -> Response:
    return RedirectResponse(f"{HOME}?{urlencode(said)}" if said else HOME, status_code=303)
