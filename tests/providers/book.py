"""One address book at the source: people, labels and folders, each with the revision that touched it last.

A revision counts changes of this book. A sync token and a delta link stand for a revision: what is above it, changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.providers import google_shape, graph_shape, odd, people
from tests.providers.clock import iso
from tests.providers.people import Contact
from tests.providers.seeds import Seed

Json = dict[str, Any]

BORN = 1_735_689_600.0
"""2025-01-01: when the people of a book were made."""


@dataclass(slots=True, eq=False)
class Record:
    """A person of a book. `said` replaces parts of what the provider's JSON would be made of `contact`."""

    key: int
    contact: Contact
    said: Json = field(default_factory=dict)
    salt: int = 0
    folder: str = ""
    revision: int = 0
    touched: float = BORN
    deleted: bool = False
    other: bool = False
    """One of Google's other contacts."""
    previous: list[str] = field(default_factory=list)
    """Names that led here before two people were merged."""
    left: list[tuple[int, str]] = field(default_factory=list)
    """(revision, folder) of each move out of a folder."""
    changed: tuple[str, ...] = ()
    """Graph's names of what the last edit changed."""
    json: dict[tuple[object, ...], bytes] = field(default_factory=dict)
    """Encoded forms, by what shaped them; emptied by each change."""


@dataclass(slots=True, eq=False)
class Group:
    """A label (Google) or a folder (Microsoft)."""

    id: str
    name: str
    parent: str = ""
    revision: int = 0
    touched: float = BORN
    deleted: bool = False


class Book:
    """Everything an account owns. Subclasses know a provider's names and JSON."""

    def __init__(self, seed: Seed, address: str) -> None:
        self.seed = seed
        self.address = address
        self.revision = 0
        self.records: dict[int, Record] = {}
        self.groups: dict[str, Group] = {}

    def touch(self, thing: Record | Group, now: float) -> None:
        self.revision += 1
        thing.revision, thing.touched = self.revision, now
        if isinstance(thing, Record):
            thing.json.clear()

    def people(self, *, other: bool = False) -> Iterator[Record]:
        return (record for record in self.records.values() if not record.deleted and record.other is other)

    def shown(self, record: Record) -> Contact:
        """The truth about somebody, as Addressbus should show it."""
        contact = {name: value for name, value in record.contact.items() if name != "labels"}
        contact["labels"] = self.labels_of(record)
        if "addresses" in contact:
            contact["addresses"] = [
                {name: value for name, value in address.items() if name != "country_code"}
                for address in contact["addresses"]
            ]
        return people.filled(contact)

    def labels_of(self, record: Record) -> list[str]:
        return sorted(record.contact.get("labels", ()))

    def provider_id(self, record: Record) -> str:
        """Under which a correct importer knows this person."""
        raise NotImplementedError

    def rename_label(self, old: str, new: str, now: float) -> None:
        raise NotImplementedError

    def grow(self, contacts: Iterable[tuple[Contact, Json, int]], *, folder: str = "", other: bool = False) -> None:
        """Adds people (contact, said, salt) as they were before anybody looked: revision 0."""
        for contact, said, salt in contacts:
            key = len(self.records)
            self.records[key] = Record(key, contact, said, salt, folder=folder, other=other)


class GoogleBook(Book):
    """Labels are groups with an id; a person names them by it, so renaming one changes nobody."""

    def __init__(self, seed: Seed, address: str) -> None:
        super().__init__(seed, address)
        for label in (*people.LABELS, *(odd.FORTY if address.startswith("odd@") else ())):
            self.group_named(label)

    def group_named(self, label: str) -> Group:
        found = next((group for group in self.groups.values() if group.name == label and not group.deleted), None)
        if found is None:
            identity = f"contactGroups/{self.seed.number_of('group', self.address, label):x}"
            found = self.groups[identity] = Group(identity, label)
        return found

    def labels_of(self, record: Record) -> list[str]:
        groups = (self.group_named(label) for label in record.contact.get("labels", ()))
        return sorted(group.name for group in groups)

    def rename_label(self, old: str, new: str, now: float) -> None:
        group = self.group_named(old)
        group.name = new
        self.touch(group, now)
        for record in self.records.values():
            if old in record.contact.get("labels", ()):
                labels = [new if label == old else label for label in record.contact["labels"]]
                record.contact = {**record.contact, "labels": labels}
                # The person did not change: their membership names the group by its id.
                record.json.clear()

    def source_id(self, record: Record) -> int:
        return self.seed.number_of("google", self.address, record.key)

    def provider_id(self, record: Record) -> str:
        return f"{'otherContacts' if record.other else 'people'}/c{self.source_id(record)}"

    def encode(self, record: Record, mask: frozenset[str], *, profile: bool = False) -> bytes:
        """A person as JSON; a deleted one has nothing but its metadata. `profile`: sources include PROFILE."""
        key = (mask, profile)
        found = record.json.get(key)
        if found is None:
            found = record.json[key] = msgspec.json.encode(self._person(record, mask, profile=profile))
        return found

    def whole(self, record: Record) -> Json:
        """All fields of somebody, without the cut that lists make."""
        source = f"{self.source_id(record):x}"
        groups = {} if record.other else {group.name: group.id for group in self.groups.values()}
        contact = {**record.contact, "labels": []} if record.other else record.contact
        made = google_shape.person(contact, source, groups, salt=record.salt)
        for name, values in record.said.items():
            about = [{"metadata": {"source": {"type": "CONTACT", "id": source}}, **value} for value in values]
            made[name] = about
        return made

    def _person(self, record: Record, mask: frozenset[str], *, profile: bool) -> Json:
        etag = "%" + self.seed.base64("etag", self.address, record.key, record.revision, size=12)
        found: Json = {"resourceName": self.provider_id(record), "etag": etag}
        source = {"type": "OTHER_CONTACT" if record.other else "CONTACT", "id": f"{self.source_id(record):x}"}
        source |= {"etag": "#" + etag[1:17], "updateTime": iso(record.touched, fraction=6)}
        metadata: Json = {"objectType": "PERSON"}
        if record.deleted:
            metadata |= {"deleted": True}
        else:
            metadata["sources"] = [source, *([_profile(record)] if profile and record.key % 10 == 0 else [])]
        if record.previous:
            metadata["previousResourceNames"] = record.previous
        if "metadata" in mask:
            found["metadata"] = metadata
        if not record.deleted:
            for name, values in self.whole(record).items():
                if name in mask:
                    # Lists have at most 100 of these; people.get has all.
                    found[name] = values[:100] if name in {"emailAddresses", "phoneNumbers"} else values
        return found


class MicrosoftBook(Book):
    """Folders are groups; the default one comes first."""

    def __init__(self, seed: Seed, address: str, folders: Iterable[tuple[str, str]] = ()) -> None:
        """`folders`: (name, name of the parent or "")."""
        super().__init__(seed, address)
        self.root = self._id("root")
        self.default = self.folder("Contacts", self.root).id
        by_name: dict[str, str] = {}
        for name, parent in folders:
            by_name[name] = self.folder(name, by_name.get(parent, self.root)).id

    def folder(self, name: str, parent: str) -> Group:
        identity = self._id(f"folder {parent} {name}")
        self.groups[identity] = Group(identity, name, parent)
        return self.groups[identity]

    def _id(self, what: str) -> str:
        return "AQMkADAw" + self.seed.base64(self.address, what, size=48)

    def identity(self, record: Record, *, immutable: bool, folder: str = "") -> str:
        """An item's id changes with its folder, unless the immutable kind was asked for."""
        if immutable:
            return "AAkALgAA" + self.seed.base64("immutable", self.address, record.key, size=45)
        return "AAMkADAw" + self.seed.base64("id", self.address, record.key, folder or record.folder, size=60)

    def provider_id(self, record: Record) -> str:
        return self.identity(record, immutable=True)

    def rename_label(self, old: str, new: str, now: float) -> None:
        for record in self.records.values():
            if old in record.contact.get("labels", ()) and not record.deleted:
                labels = [new if label == old else label for label in record.contact["labels"]]
                record.contact = {**record.contact, "labels": labels}
                self.touch(record, now)

    def encode(self, record: Record, select: frozenset[str], *, immutable: bool, only: frozenset[str] | None) -> bytes:
        """A contact as JSON: what `select` names (empty: all), of that what `only` names (None: all)."""
        key = (select, immutable, only)
        found = record.json.get(key)
        if found is None:
            whole = self.whole(record, immutable=immutable)
            kept = {name for name in whole if name in select} if select else set(whole)
            if only is not None:
                kept &= only | {"changeKey", "lastModifiedDateTime", "parentFolderId"}
            kept |= {"@odata.etag", "id"}
            found = msgspec.json.encode({name: value for name, value in whole.items() if name in kept})
            record.json[key] = found
        return found

    def whole(self, record: Record, *, immutable: bool) -> Json:
        change = self.seed.base64("change", self.address, record.key, record.revision, size=15)
        return {
            "@odata.etag": f'W/"{change}"',
            "id": self.identity(record, immutable=immutable),
            "createdDateTime": iso(BORN),
            "lastModifiedDateTime": iso(record.touched),
            "changeKey": change,
            "parentFolderId": record.folder,
            **graph_shape.contact(record.contact, salt=record.salt),
            **record.said,
        }


def _profile(record: Record) -> Json:
    return {"type": "PROFILE", "id": f"1{record.key:020}", "profileMetadata": {"objectType": "PERSON"}}
