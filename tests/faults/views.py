"""A contact as people see it, from the database's row and from the JSON that others have, in one comparable form."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from app.core.contacts import SCALARS
from tests.faults.evidence import Mark, Stored

View = dict[str, Any]
_ADDRESS = ("street", "city", "region", "postal_code", "country")


def of_stored(stored: Stored, imports: Mapping[int, UUID]) -> View:
    """What the database has; `imports` is order second -> import."""

    def brought(position: int) -> str:
        return str(imports.get(abs(position) >> 31))

    def label(kind: str, key: str) -> str:
        return stored.sets.get(kind + key, (0, "", 0))[1]

    fields = {name: value for name, (_, value) in stored.fields.items() if value}
    parts = [fields.get(name, "") for name in ("prefix", "given", "middle", "family", "suffix")]
    view: View = {
        "deleted": stored.deleted,
        **{name: fields.get(name, "") for name in SCALARS},
        "name": fields.get("name") or " ".join(filter(None, parts)),
        "custom": {header[1:]: value for header, (_, value, _) in stored.custom.items()},
        "sources": [str(imports.get(second)) for second in stored.sources],
        "origins": {name: brought(stored.fields[name][0]) for name in fields},
        "labels": {text or element[1:] for element, (_, text, _) in stored.sets.items() if element[0] == "l"},
    }
    for kind, name, shown in _SETS:
        view[name] = {
            (*shown(element[1:], mark), label(kind.upper(), element[1:]), brought(mark[0]))
            for element, mark in stored.sets.items()
            if element[0] == kind
        }
    return view


def of_doc(doc: bytes) -> View:
    """What a topic or the read model has (`events.ContactOut`)."""
    told: dict[str, Any] = msgspec.json.decode(doc)
    sources = [source["import"] for source in told.get("sources", ())]
    origins = {name: source["import"] for name, source in told.get("origins", {}).items()}
    if "origins" not in told and ("origin" in told or len(sources) == 1):
        # All of it is from there.
        own = [name for name in SCALARS if told.get(name)]
        origin = told["origin"]["import"] if "origin" in told else sources[0]
        origins = dict.fromkeys(own if told.get("name") else [*own, "name"], origin)
    return {
        "deleted": told.get("deleted", False),
        **{name: told.get(name, "") for name in SCALARS},
        "custom": told.get("custom", {}),
        "sources": sources,
        "origins": origins,
        "labels": set(told.get("labels", ())),
        "emails": {(each["value"], *_end(each)) for each in told.get("emails", ())},
        "phones": {(each["value"], each["raw"], *_end(each)) for each in told.get("phones", ())},
        "addresses": {(*(each.get(part, "") for part in _ADDRESS), *_end(each)) for each in told.get("addresses", ())},
    }


def differences(one: View, other: View) -> list[str]:
    """The members in which two views differ. A name that was composed of its parts has no origin of its own."""
    found = [name for name in one if name != "origins" and one[name] != other[name]]
    origins, others = one["origins"], other["origins"]
    if any(origins[name] != others[name] for name in origins.keys() & others.keys()):
        found.append("origins")
    if (origins.keys() ^ others.keys()) - {"name"}:
        found.append("origins")
    return sorted(set(found))


def _end(element: dict[str, Any]) -> tuple[str, str]:
    return element.get("label", ""), element.get("from", "")


def _email(key: str, mark: Mark) -> tuple[str, ...]:
    return (mark[1] or key,)


def _phone(key: str, mark: Mark) -> tuple[str, ...]:
    return ("", key[1:]) if key.startswith("?") else (key, mark[1] or key)


def _address(key: str, mark: Mark) -> tuple[str, ...]:
    return tuple(key.split("\x7f"))


_SETS = (("e", "emails", _email), ("p", "phones", _phone), ("a", "addresses", _address))
