"""The uploads of a campaign and what must become of each of their rows, written before anything is sent."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from app.core.reading.plan import Existing


NOTHING: Mapping[str, str] = MappingProxyType({})


class Row(NamedTuple):
    """One record of a file and what it says.

    `line` is its first line in the file (1-based). A bad row has `code`, the problem it must be told with, and says
    nothing; a good one has `key` (its match key), `fields` (scalars), `marks` (elements of sets and custom fields,
    named as they are stored: letter and key, with their texts).
    """

    line: int
    key: str = ""
    code: str = ""
    fields: Mapping[str, str] = NOTHING
    sets: Mapping[str, str] = NOTHING
    custom: Mapping[str, str] = NOTHING


class Upload(NamedTuple):
    """One file and how it is to be asked for.

    `workspace` and `number` count from 0; `key` is the Idempotency-Key, `plan` goes into the request as it is.
    With `cancelled` somebody is to press cancel while it runs: it then ends as cancelled or, if that came too late,
    as finished.
    """

    number: int
    workspace: int
    key: str
    name: str
    format: Literal["csv", "vcard"]
    existing: Existing
    plan: dict[str, object]
    data: bytes
    rows: tuple[Row, ...]
    cancelled: bool = False

    @property
    def rejected(self) -> list[tuple[int, str]]:
        """(line, code) of each row that must be rejected, in order."""
        return [(row.line, row.code) for row in self.rows if row.code]

    @property
    def duplicates(self) -> list[int]:
        """The lines of all rows whose key stands above them in the file."""
        seen: set[str] = set()
        return [row.line for row in self.rows if row.key and (row.key in seen or seen.add(row.key))]  # type: ignore[func-returns-value]

    @property
    def keys(self) -> set[str]:
        """Everybody who is in it: so many rows must be created, updated or unchanged."""
        return {row.key for row in self.rows if row.key}


class Expectation(NamedTuple):
    """All uploads of a campaign; the same for each seed."""

    seed: int
    workspaces: int
    uploads: tuple[Upload, ...]


def generate(
    seed: int,
    *,
    imports: int = 20,
    workspaces: int = 5,
    rows: tuple[int, int] = (20, 20_000),
    cards: float = 0.15,
    cancelled: float = 0.0,
) -> Expectation:
    """Makes `imports` uploads, dealt out to `workspaces`, each with a number of rows between the two of `rows`.

    `cards` of them are vCards, the others CSV; `cancelled` of them are to be cancelled.
    """
    raise NotImplementedError
