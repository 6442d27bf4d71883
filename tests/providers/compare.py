"""Whether a contact of Addressbus is what the oracle says. Shares nothing with the product but its API's field names.

What may differ: white space, the order of lists, invisible characters (controls, direction marks), notes cut after
8,000 characters, labels and values beyond those expected (imports only add), keys of `custom`.
"""

import re
import unicodedata
from typing import Any

from tests.providers.people import Contact

TEXTS = tuple(
    "name prefix given middle family suffix nickname company department title birthday notes".split(),
)
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def differences(expected: Contact, shown: Contact, *, labels: bool = True) -> list[str]:
    """One sentence for each field that is wrong; [] means right. `labels`: whether kinds of values count as well."""
    unsure = set(expected.get("unsure", ()))
    found = []
    for field in TEXTS:
        wanted, got = folded(expected.get(field)), folded(shown.get(field))
        if field in unsure or (field == "name" and not wanted):
            continue
        cut = field == "notes" and len(got) >= 8_000 and wanted.startswith(got.rstrip("….").rstrip())
        if wanted != got and not cut:
            found.append(f"{field}: {wanted[:80]!r} expected, {got[:80]!r} shown")
    for field, parts in _LISTS.items():
        used = parts if labels else [part for part in parts if part != "label"]
        got_items = [{part: folded(item.get(part)) for part in used} for item in shown.get(field) or ()]
        for item in expected.get(field, ()):
            wanted_item = {part: folded(item.get(part)) for part in used}
            if "value" in used and field == "phones" and "value" not in item:
                del wanted_item["value"]
            if not any(all(got[part] == wanted_item[part] for part in wanted_item) for got in got_items):
                found.append(f"{field}: {item} expected, {got_items} shown")
    missing = {folded(label) for label in expected.get("labels", ())} - {
        folded(one) for one in shown.get("labels") or ()
    }
    if missing:
        found.append(f"labels: {sorted(missing)} expected, {shown.get('labels')} shown")
    if "custom" not in unsure:
        values = [folded(value) for value in (shown.get("custom") or {}).values()]
        found += [
            f"custom: {value!r} expected"
            for value in expected.get("custom", {}).values()
            if not any(folded(value) in shown_value for shown_value in values)
        ]
    return found


_LISTS = {
    "emails": ["value", "label"],
    "phones": ["raw", "value", "label"],
    "addresses": ["street", "city", "region", "postal_code", "country", "label"],
    "urls": ["value", "label"],
}


def folded(text: Any) -> str:
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text or "")).split())


def unmatched(expected: list[dict[str, Any]], shown: list[Contact], *, labels: bool = True) -> list[str]:
    """Compares whole address books: `expected` is `people` of the oracle, `shown` all contacts of a workspace.

    Contacts are paired by an e-mail address; those without by all they say. Each is told about that is missing, wrong
    or one too many.
    """
    by_email: dict[str, Contact] = {}
    rest: list[Contact] = []
    for contact in shown:
        addresses = [email["value"] for email in contact.get("emails") or ()]
        by_email.update(dict.fromkeys(addresses, contact))
        if not addresses:
            rest.append(contact)
    found, seen = [], set()
    for one in expected:
        wanted = one["contact"]
        if wanted.get("emails"):
            paired = by_email.get(wanted["emails"][0]["value"])
            wrong = ["missing"] if paired is None else differences(wanted, paired, labels=labels)
            seen.add(id(paired))
        else:
            at = next((n for n, other in enumerate(rest) if not differences(wanted, other, labels=labels)), None)
            wrong = ["missing"] if at is None else []
            if at is not None:
                del rest[at]
        found += [f"{one['ids'][0]} ({wanted.get('name', '')[:40]}): {what}" for what in wrong]
    extra = [contact for contact in shown if (contact.get("emails") and id(contact) not in seen)]
    found += [f"too much: {contact.get('name', '')[:40]} {contact.get('emails')}" for contact in extra]
    return found + [f"too much: {contact}"[:200] for contact in rest]
