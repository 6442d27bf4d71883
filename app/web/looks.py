"""What templates need to know about a state or a contact, as plain functions over the API's JSON. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from app.core.contacts import composed_name
from app.core.reading.values import country_name
from app.web import words

OUTCOMES = ("created", "updated", "unchanged", "duplicate", "rejected")
RUNNING = ("requested", "running")


def shares(state: Mapping[str, Any]) -> tuple[float, float]:
    """How much of the input is received and done, each from 0 to 1. Only what is finished is all of it."""
    if state["status"] == "finished":
        return 1.0, 1.0
    whole = max(state["size"] or 0, state["bytes_received"], state["bytes_done"])
    if not whole:
        return 0.0, 0.0
    received = 1.0 if state["parts"] is not None else min(1.0, state["bytes_received"] / whole)
    return received, min(received, state["bytes_done"] / whole)


def outcomes(state: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The five outcomes in their fixed order."""
    return [(name, state[name]) for name in OUTCOMES]


def gone(state: Mapping[str, Any], number: Callable[[int], str]) -> str:
    """Who is gone at the source of an import, and whether they were removed here; "" where nobody is."""

    def spoken(key: str, n: int) -> str:
        return words.say(f"common.{key}", n=n, count=number(n))

    if not state["gone"]:
        return spoken("removed", state["deleted"]) if state["deleted"] else ""
    here = spoken("gone_removed", state["deleted"]) if state["deleted"] else words.say("common.gone_kept")
    return f"{spoken('gone', state['gone'])}; {here}"


def stage(state: Mapping[str, Any] | None) -> str:
    """Whether an import runs, how it ended, or that all of it can be seen; "" where there is none."""
    if state is None:
        return ""
    if state["visible"]:
        return "visible"
    return "running" if state["status"] in RUNNING else str(state["status"])


def sending(state: Mapping[str, Any]) -> bool:
    """Whether bytes of a file are still expected."""
    return bool(state["source"] == "file" and state["status"] in RUNNING and state["parts"] is None)


def title(contact: Mapping[str, Any]) -> str:
    """What a contact is called: its name, or the best there is."""
    given, middle, family = (contact.get(part, "") for part in ("given", "middle", "family"))
    first_of = (_first(contact, "emails"), _first(contact, "phones"))
    candidates = (
        contact.get("name", ""),
        composed_name("", given, middle, family, ""),
        contact.get("nickname", ""),
        contact.get("company", ""),
        *first_of,
    )
    return next((candidate for candidate in candidates if candidate), "")


def initials(contact: Mapping[str, Any]) -> str:
    """One or two letters for the round sign beside a contact; "" when its title has no letter."""
    given, family = contact.get("given", ""), contact.get("family", "")
    pieces = [given, family] if given and family else title(contact).split()
    letters = [next((mark for mark in piece if mark.isalpha()), "") for piece in pieces]
    letters = [letter for letter in letters if letter]
    return "".join(letters[:1] + letters[1:][-1:]).upper()


def tone(contact: Mapping[str, Any]) -> int:
    """One of six quiet colours, always the same for the same title."""
    return sum(title(contact).encode()) % 6


def work(contact: Mapping[str, Any]) -> str:
    """Title, department and company in one line."""
    return ", ".join(contact[part] for part in ("title", "department", "company") if contact.get(part))


def address(value: Mapping[str, Any]) -> list[str]:
    """The lines of an address."""
    town = " ".join(value[part] for part in ("postal_code", "city") if value.get(part))
    country = country_name(value.get("country", ""))
    lines = [*str(value.get("street", "")).splitlines(), town, value.get("region", ""), country]
    return [line for line in lines if line]


def reason(error: Mapping[str, Any] | None) -> str:
    """The sentence of a failure's code; "" where there is none."""
    if error is None:
        return ""
    known = words.known(f"codes.{error['code']}")
    return words.say(f"codes.{error['code']}" if known else "trouble.other")


def way_on(error: Mapping[str, Any] | None) -> str:
    """What helps after a failure, where there is more to say than its reason does."""
    known = error is not None and words.known(f"trouble.way.{error['code']}")
    return words.say(f"trouble.way.{error['code']}") if error is not None and known else ""


def query(filters: Mapping[str, str | None], **changes: str | None) -> str:
    """The query string of `filters` with `changes`; None takes a filter away. "" or "?q=..." """
    merged = {**filters, **changes}
    text = urlencode([(name, value) for name, value in merged.items() if value])
    return f"?{text}" if text else ""


def _first(contact: Mapping[str, Any], field: str) -> str:
    values: Sequence[Mapping[str, str]] = contact.get(field) or ()
    return (values[0].get("value") or values[0].get("raw") or "") if values else ""
