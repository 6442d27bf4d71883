"""What pages show, as the plain data of the API: states from memory, the rest from the read model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from app.core.errors import Rejected
from app.core.events import AddressOut, ContactOut, EmailOut, PhoneOut
from app.core.imports import TERMINAL, State
from app.web.services import Services
from app.web.words import say

BLANK = State(id=UUID(int=0), workspace=UUID(int=0))
"""What a new import looks like before anything is known of it."""

_DEFAULTS: Mapping[str, Any] = {
    name: msgspec.to_builtins(field.default if field.default is not msgspec.NODEFAULT else field.default_factory())
    for name, field in ((field.encode_name, field) for field in msgspec.structs.fields(ContactOut))
    if not field.required
}
_ELEMENTS: Mapping[str, Mapping[str, str]] = {
    name: {field.encode_name: "" for field in msgspec.structs.fields(kind)}
    for name, kind in (("emails", EmailOut), ("urls", EmailOut), ("phones", PhoneOut), ("addresses", AddressOut))
}


def state(found: State) -> dict[str, Any]:
    """A state as the API and the sockets tell it."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain


def contact(doc: Mapping[str, Any]) -> dict[str, Any]:
    """A contact with every member, also those that its document leaves out because they are empty."""
    whole = {**_DEFAULTS, **doc}
    for name, blank in _ELEMENTS.items():
        whole[name] = [{**blank, **element} for element in whole[name]]
    return whole


def newest(states: Iterable[State], limit: int) -> list[State]:
    """The imports asked for last."""
    return sorted(states, key=lambda one: one.requested_at or 0, reverse=True)[:limit]


def freshest(listed: Sequence[State], live: Mapping[tuple[str, ...], State]) -> list[State]:
    """`listed`, each replaced by what memory knows of it where that is newer."""
    fresh = []
    for one in listed:
        known = live.get((str(one.workspace), str(one.id)))
        fresh.append(known if known is not None and known.version > one.version else one)
    return fresh


def running(services: Services, workspace: UUID) -> list[State]:
    """The workspace's imports that have not ended."""
    mine = str(workspace)
    live = services.imports.values()
    return [one for key, one in live.items() if key[0] == mine and one.status not in TERMINAL]


def name(found: State) -> str:
    """What an import is called."""
    return found.name or say(f"common.source.{found.source}")


def imports_in(whole: Mapping[str, Any]) -> list[str]:
    """The ids of the imports that a contact's values came from."""
    elements = [element["from"] for field in _ELEMENTS for element in whole[field]]
    origins = [origin["import"] for origin in [*whole["origins"].values(), *whole["sources"]]]
    return [one for one in dict.fromkeys([*elements, *origins]) if one]


async def names_of(services: Services, workspace: UUID, imports: Iterable[str]) -> dict[str, str]:
    """What imports are called, by id; an unknown one is left out."""
    named = {}
    for import_id in imports:
        found = await find(services, workspace, UUID(import_id))
        if found is not None:
            named[import_id] = name(found)
    return named


async def find(services: Services, workspace: UUID, import_id: UUID) -> State | None:
    """The newest state of an import: from memory, else from the read model."""
    found = services.imports.get(str(workspace), str(import_id))
    return found if found is not None else await services.lookup.import_(workspace, import_id)


def gone() -> Rejected:
    return Rejected("not_found", "There is nothing under this address.")
