"""For operators: all that runs, live. The page is whole without JavaScript; with it, it follows the telemetry."""

import logging
import time
from collections.abc import Iterable

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import scaling
from app.core.errors import Rejected
from app.core.groups import GROUPS
from app.core.telemetry import AnySeen, GroupSeen, ProcessSeen, TopicSeen
from app.core.topics import TOPICS
from app.lag import lags
from app.observing import FORGOTTEN_SECONDS, SILENT_SECONDS
from app.scaling import Wish
from app.web import bodies
from app.web.pages.operate import fields, operator
from app.web.services import services
from app.web.templates import page

log = logging.getLogger(__name__)
HOME = "/operate"
KINDS = ("web", "gateway", "importer", "express", "tracker", "projector", "fetcher")


async def show(request: Request) -> Response:
    operator(request)
    found = services(request)
    seen = list(found.telemetry.values().values())
    return page(
        request,
        "topology.html",
        seen=seen,
        processes=list(_processes(seen)),
        groups=list(_groups(seen)),
        topics=list(_topics(seen)),
        scalable=_scalable(seen) if found.config.scaling_socket else [],
        most=scaling.MOST,
    )


async def scale(request: Request) -> Response:
    """More or fewer processes of a kind. Who asked for it is written down."""
    operator(request)
    said = await fields(request)
    to = said.get("to", "")
    await _ask(request, Wish(said.get("kind", ""), int(to) if to.isdigit() else 0))
    return RedirectResponse(HOME, status_code=303)


async def scale_by_program(request: Request) -> Response:
    """The same for the page's JavaScript."""
    operator(request)
    wish = await bodies.read(request, Wish)
    await _ask(request, wish)
    return Response(msgspec.json.encode(wish), status_code=202, media_type="application/json")


async def _ask(request: Request, wish: Wish) -> None:
    socket = services(request).config.scaling_socket
    if not socket:
        raise Rejected("not_scaled", "Nothing here can start processes; start them where these were started.")
    await scaling.ask(socket, wish)
    log.warning("scaled", extra={"kind": wish.kind, "to": wish.to, "by": operator(request).name})


def _processes(seen: Iterable[AnySeen]) -> Iterable[dict[str, object]]:
    """Those that are there, and those that just went, in the order of the Procfile."""
    now = time.time()
    shown = [one for one in seen if isinstance(one, ProcessSeen) and now - (one.finished_at or now) < FORGOTTEN_SECONDS]
    for one in sorted(shown, key=lambda one: (KINDS.index(one.kind), len(one.name), one.name)):
        silent = one.status == "running" and now - one.version / 1000 > SILENT_SECONDS
        owned = {topic: _runs(numbers) for topic, numbers in one.partitions.items()}
        yield {**msgspec.structs.asdict(one), "partitions": owned, "state": "silent" if silent else one.status}


def _runs(numbers: Iterable[int]) -> str:
    """(0, 1, 2, 3, 6, 8) -> "0–3 6 8"."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return " ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else " ".join(map(str, run)) for run in found)


def _groups(seen: Iterable[AnySeen]) -> Iterable[dict[str, object]]:
    found = {one.name: one for one in seen if isinstance(one, GroupSeen)}
    for name, topics in GROUPS.items():
        one = found.get(name)
        behind = lags(name, one.topics) if one else []
        yield {
            "name": name,
            "topics": [topic.name for topic in topics],
            "paused": one is not None and one.paused,
            "known": one is not None,
            "behind": sum(lag.records for lag in behind),
            "oldest": max((lag.oldest for lag in behind), default=0.0),
        }


def _topics(seen: Iterable[AnySeen]) -> Iterable[dict[str, object]]:
    found = {one.name: one for one in seen if isinstance(one, TopicSeen)}
    for topic in TOPICS:
        if one := found.get(topic.name):
            yield {
                "name": topic.name,
                "retry": ".retry." in topic.name,
                "keep": topic.keep.days if topic.keep else None,
                "records": sum(one.ends) - sum(one.begins),
                "partitions": len(one.ends),
                "readers": [group for group, topics in GROUPS.items() if topic in topics],
            }


def _scalable(seen: Iterable[AnySeen]) -> list[tuple[str, int]]:
    running = [one.kind for one in seen if isinstance(one, ProcessSeen) and one.status == "running"]
    return [(kind, running.count(kind)) for kind in scaling.KINDS]
