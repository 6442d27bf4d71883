"""Every message that travels between services, as a type. The tag is the wire name, forever.

Fields are added with a default and never renamed; readers ignore fields that they do not know.
All times are Unix seconds (float, UTC). All ids are UUIDs in their text form.
"""

from typing import Literal
from uuid import UUID

import msgspec

from app.core.imports import State
from app.core.reading.plan import Existing, Plan

Source = Literal["file", "google", "microsoft"]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The five outcomes; they sum to the rows."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def rows(self) -> int:
        return self.created + self.updated + self.unchanged + self.duplicate + self.rejected


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that happened to one import. `site` names the data centre where it happened."""

    workspace: UUID
    import_id: UUID
    at: float
    site: str


class Requested(Fact, frozen=True, kw_only=True, tag="import.requested"):
    """Someone asked us to import a file or an account. May be repeated, always with the same content."""

    source: Source
    name: str
    order_second: int
    requested_by: str
    channel: str | None = None
    size: int | None = None
    plan: Plan | None = None


class Received(Fact, frozen=True, kw_only=True, tag="import.received"):
    """So many bytes are safe (acknowledged by Kafka or in the jobs row). The first one carries the completed plan."""

    bytes: int
    plan: Plan | None = None


class Sealed(Fact, frozen=True, kw_only=True, tag="import.sealed"):
    """The input is complete: this many segments, bytes of UTF-8 text and line ends."""

    segments: int
    bytes: int
    lines: int


class SegmentDone(Fact, frozen=True, kw_only=True, tag="import.segment_done"):
    """One segment is in the database. `bytes` of the file became it.

    `gone` counts the contacts that it found deleted at their source, `deleted` those that are deleted here, too.
    """

    index: int
    bytes: int
    counts: Counts
    gone: int = 0
    deleted: int = 0


class SegmentFailed(Fact, frozen=True, kw_only=True, tag="import.segment_failed"):
    """One segment was given up and lies in the dead-letter topic under `reference`."""

    index: int
    bytes: int
    rows: int
    reference: str


class Projected(Fact, frozen=True, kw_only=True, tag="import.projected"):
    """The read model shows every contact of these segments."""

    indexes: tuple[int, ...]


class CancelRequested(Fact, frozen=True, kw_only=True, tag="import.cancel_requested"):
    """A person pressed cancel."""

    by: str


class SourceFailed(Fact, frozen=True, kw_only=True, tag="import.source_failed"):
    """The input itself ended badly: unreadable, does not fit its plan, abandoned for 24 h."""

    code: str
    detail: str


AnyFact = Requested | Received | Sealed | SegmentDone | SegmentFailed | Projected | CancelRequested | SourceFailed


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What the last segment of a provider's import does once everything before it is in the database.

    It finds the people that are gone at the source: those told to be, and after a `full` pass, which began with the
    segment `since`, whoever was not seen in it, except in `unread` streams. Only with `delete` are they deleted here.
    """

    full: bool
    since: int = 0
    unread: tuple[str, ...] = ()
    delete: bool = False


class ProviderPage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a segment that came from a connected account and not from a file.

    `account` is the provider's own name of the account, `stream` what the page is part of (`connections`,
    `folder:<id>`), `groups` the names of Google's contact groups. The segment's value has items only: cursors stay with
    the fetcher. With `sweep` it has none.
    """

    connection: UUID
    account: str
    stream: str = ""
    groups: dict[str, str] = {}
    sweep: Sweep | None = None


class SegmentHeader(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON header `segment` of each segment record; with the value it is all that handling needs.

    `start` and `end` are byte offsets in the import's UTF-8 text, photos of cards included, which do not
    travel; `first_line` is the 1-based line at `start`. `opens` says that the last record goes on in the next segment,
    `continues` that the first bytes belong to a record of the segment before (one oversized, rejected record).
    Of a container (workbook, ZIP) `start` and `end` are the share of the uploaded file that the text stands for. A file
    of a ZIP, `member`, is a text of its own with its own plan and lines, and `begins` with this segment.
    """

    workspace: UUID
    import_id: UUID
    index: int
    order_second: int
    start: int
    end: int
    first_line: int
    crc32c: int
    plan: Plan
    reader: int = 1
    opens: bool = False
    continues: bool = False
    site: str = "local"
    source: Source = "file"
    page: ProviderPage | None = None
    member: str = ""
    begins: bool = False

    @property
    def packed(self) -> bool:
        """It is of a workbook or a ZIP archive."""
        return bool(self.member) or self.plan.format in {"xlsx", "xls", "ods", "zip"}

    @property
    def heads(self) -> bool:
        """Preamble and header of its text stand in this segment."""
        return self.index == 0 or self.begins


class ImportKey(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="import.key"):
    """The key under which all values of an import's file are sealed, itself sealed under DATA_KEYS (`wrapped`).

    A tombstone makes the file unreadable, and all of its copies.
    """

    workspace: UUID
    import_id: UUID
    at: float
    site: str
    wrapped: bytes


class EraseContact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="contact.erase"):
    """Somebody wants that nothing of a person is left."""

    workspace: UUID
    contact: UUID
    at: float


class FetchRequested(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="fetch.requested"):
    """Fetch one page of a connected account: the next record asks for the next one, so accounts take turns.

    `step` counts the records of one import from 0. Where it stands is in the fetcher's database, and nowhere else.
    `not_before` (Unix seconds): the provider asked for so much patience; `failures` in a row came before this.
    `plan` has what reading depends on, completed but for `existing`: unless the person chose, the first import from an
    account does what the workspace `usually` does, and later ones bring changes in.
    """

    workspace: UUID
    connection: UUID
    import_id: UUID
    source: Source
    order_second: int
    plan: Plan
    step: int = 0
    failures: int = 0
    not_before: float = 0.0
    usually: Existing = "fill"
    full: bool = False
    other_contacts: bool = False
    delete: bool = False


class EmailOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    value: str
    label: str = ""
    from_: str = msgspec.field(default="", name="from")


class PhoneOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    value: str
    raw: str = ""
    label: str = ""
    from_: str = msgspec.field(default="", name="from")


class AddressOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    label: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    from_: str = msgspec.field(default="", name="from")


class SourceOut(msgspec.Struct, frozen=True, kw_only=True):
    """Which import brought something, from what kind of source, and when (the import's order second)."""

    import_id: str = msgspec.field(name="import")
    source: str
    at: int


class ContactOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A contact as the API shows it and as `contacts.changed` carries it (design.md section 6).

    Where all fields are from one import, `origin` says so in place of `origins`; both are left out where there is one
    source alone, which is then the origin of everything.
    """

    id: UUID
    version: int
    updated_at: float
    deleted: bool = False
    name: str = ""
    prefix: str = ""
    given: str = ""
    middle: str = ""
    family: str = ""
    suffix: str = ""
    nickname: str = ""
    emails: tuple[EmailOut, ...] = ()
    phones: tuple[PhoneOut, ...] = ()
    addresses: tuple[AddressOut, ...] = ()
    company: str = ""
    department: str = ""
    title: str = ""
    birthday: str = ""
    urls: tuple[EmailOut, ...] = ()
    notes: str = ""
    labels: tuple[str, ...] = ()
    custom: dict[str, str] = {}
    origins: dict[str, SourceOut] = {}
    origin: SourceOut | None = None
    sources: tuple[SourceOut, ...] = ()


NO_IMPORT = UUID(int=0)
"""In place of an import's id where contacts are told again though no import has brought them just now."""


class ContactsChanged(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="contacts.changed"):
    """Contacts as they now are. Part `part` of `parts` records for one segment, all on one partition, in order.

    Where all contacts are told again, no import has brought them: `import_id` is the nil UUID, and each record stands
    alone. People in `erased` are deleted because they, or somebody for them, asked for it: nothing of them may be kept.
    """

    workspace: UUID
    import_id: UUID
    index: int
    part: int
    parts: int
    at: float
    site: str
    erased: tuple[UUID, ...] = ()
    contacts: tuple[ContactOut, ...]


class ProblemOut(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be used, told to its author. `column` is 0-based, None when the whole row is meant."""

    row: int
    line: int
    column: int | None
    code: str
    message: str
    suggestion: str
    cells: tuple[str, ...]


class ImportProblems(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="import.problems"):
    """Rejected rows of one segment."""

    workspace: UUID
    import_id: UUID
    index: int
    part: int
    parts: int
    at: float
    site: str
    problems: tuple[ProblemOut, ...]


TELLING = "telling"
"""The header of records that tell of one segment."""


class Telling(msgspec.Struct, frozen=True):
    """All that is told of the segment `index`, in either topic, is `of` records; this is the one with this number."""

    index: int
    number: int
    of: int


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="notice"):
    """The whole state of an import, addressed to one channel."""

    workspace: UUID
    channel: str
    kind: Literal["progress", "finished", "failed", "cancelled", "visible"]
    state: State


class Setting(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="setting"):
    """One value of dynamic configuration; the higher stamp (Unix milliseconds) wins. Key: `scope:name`."""

    scope: str
    name: str
    stamp: int
    value: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))


class Revocation(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="revocation"):
    """A session or token ended; every socket of this holder closes."""

    holder: str
    at: float


class MalformedEvent(Exception):
    """Bytes on a topic that are not one of our events."""
