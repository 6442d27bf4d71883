"""Changes at the source, n at a time: the first n people (or labels) that fit, in the order of the book.

Several at once happen in the order of `_CHANGES`, whatever order they are given in: nobody is added and deleted.
"""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from tests.providers.book import Book, GoogleBook, MicrosoftBook, Record
from tests.providers.people import filled, google_side, microsoft_side


def apply(book: Book, changes: Mapping[str, Any], now: float) -> dict[str, list[str]]:
    """{kind: provider's ids that changed}. Raises ValueError for a kind that there is none of.

    delete       from the end of the book
    edit         a new title, company, notes and phone at work
    move         to another folder (Microsoft)
    relabel      one label more
    rename_label labels themselves
    merge        two people become one, under the second's name, which remembers the first's (Google)
    promote      other contacts become contacts (Google)
    drop_value   their last e-mail goes, of people with several
    add          new people (the number 2,000,000 and on)
    """
    unknown = set(changes) - set(_CHANGES)
    if unknown:
        raise ValueError(f"no such change: {sorted(unknown)}")
    return {kind: change(book, changes[kind], now) for kind, change in _CHANGES.items() if kind in changes}


def _add(book: Book, count: int, now: float) -> list[str]:
    start = len(book.records)
    if isinstance(book, MicrosoftBook):
        book.grow(
            ((microsoft_side(book.seed, 2_000_000 + start + n), {}, n) for n in range(count)), folder=book.default
        )
    else:
        book.grow((google_side(book.seed, 2_000_000 + start + n), {}, n) for n in range(count))
    return _touched(book, [book.records[key] for key in range(start, start + count)], now)


def _edit(book: Book, count: int, now: float) -> list[str]:
    records = list(islice(book.people(), count))
    for record in records:
        stamp = book.revision + 1
        number = {"raw": f"+49 30 {stamp:08}", "value": f"+4930{stamp:08}", "label": "work"}
        known = [phone for phone in record.contact.get("phones", ()) if phone["label"] != "work"]
        record.contact = {
            **record.contact,
            "title": f"Title {stamp}",
            "company": f"Company {stamp}",
            "notes": f"Edited for the {stamp}th time",
            "phones": [*known, number],
        }
        for property_name in ("organizations", "biographies", "phoneNumbers", "businessPhones", "personalNotes"):
            record.said.pop(property_name, None)
        record.changed = ("jobTitle", "companyName", "personalNotes", "businessPhones")
        book.touch(record, now)
    return [book.provider_id(record) for record in records]


def _delete(book: Book, count: int, now: float) -> list[str]:
    records = list(book.people())[-count:] if count else []
    for record in records:
        record.deleted = True
    return _touched(book, records, now)


def _move(book: Book, count: int, now: float) -> list[str]:
    if not isinstance(book, MicrosoftBook):
        raise ValueError("only Microsoft has folders")
    folders = [folder.id for folder in book.groups.values() if not folder.deleted]
    if len(folders) == 1:
        folders.append(book.folder("Moved here", book.root).id)
        book.touch(book.groups[folders[1]], now)
    records = list(islice(book.people(), count))
    for record in records:
        book.touch(record, now)
        record.left.append((record.revision, record.folder))
        record.folder = folders[(folders.index(record.folder) + 1) % len(folders)]
    return [book.provider_id(record) for record in records]


def _relabel(book: Book, count: int, now: float) -> list[str]:
    records = list(islice(book.people(), count))
    for record in records:
        label = f"Added {book.revision + 1}" if isinstance(book, MicrosoftBook) else "Relabelled"
        if isinstance(book, GoogleBook):
            group = book.group_named(label)
            if not group.revision:
                book.touch(group, now)
        labels = dict.fromkeys([*record.contact.get("labels", ()), label])
        record.contact = {**record.contact, "labels": list(labels)}
        record.changed = ("categories",)
        book.touch(record, now)
    return [book.provider_id(record) for record in records]


def _rename_label(book: Book, count: int, now: float) -> list[str]:
    used = sorted({label for record in book.people() for label in record.contact.get("labels", ())})
    for label in used[:count]:
        book.rename_label(label, f"{label} (renamed {book.revision + 1})", now)
    return used[:count]


def _merge(book: Book, count: int, now: float) -> list[str]:
    if not isinstance(book, GoogleBook):
        raise ValueError("only Google merges people")
    records = list(islice((record for record in book.people() if "emails" in record.contact), 2 * count))
    for first, second in zip(records[::2], records[1::2], strict=True):
        emails = [*second.contact["emails"], *first.contact["emails"]]
        second.contact = {**first.contact, **second.contact, "emails": emails}
        second.said.pop("emailAddresses", None)
        second.previous = [*first.previous, book.provider_id(first), *second.previous]
        first.deleted = True
        book.touch(first, now)
        book.touch(second, now)
    return [book.provider_id(record) for record in records[1::2]]


def _promote(book: Book, count: int, now: float) -> list[str]:
    """The tombstone among the other contacts and the new contact have the same number in their names."""
    if not isinstance(book, GoogleBook):
        raise ValueError("only Google has other contacts")
    records = list(islice(book.people(other=True), count))
    for record in records:
        record.other = False
        book.touch(record, now)
        record.left.append((record.revision, "otherContacts"))
    return [book.provider_id(record) for record in records]


def _drop_value(book: Book, count: int, now: float) -> list[str]:
    fitting = (record for record in book.people() if len(record.contact.get("emails", ())) > 1)
    records = list(islice(fitting, count))
    for record in records:
        record.contact = filled({**record.contact, "emails": record.contact["emails"][:-1]})
        record.said.pop("emailAddresses", None)
        record.changed = ("emailAddresses",)
    return _touched(book, records, now)


def _touched(book: Book, records: list[Record], now: float) -> list[str]:
    for record in records:
        book.touch(record, now)
    return [book.provider_id(record) for record in records]


_CHANGES: dict[str, Callable[[Book, int, float], list[str]]] = {
    "delete": _delete,
    "edit": _edit,
    "move": _move,
    "relabel": _relabel,
    "rename_label": _rename_label,
    "merge": _merge,
    "promote": _promote,
    "drop_value": _drop_value,
    "add": _add,
}
