"""Invented imports for the tests of the merge: small enough to collide all the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from hypothesis import strategies as st

from app.core.contacts import SCALARS, Address, Email, Person, Phone, Staged, Url, match_key
from app.core.positions import position
from app.core.reading.plan import Existing
from workers.importer import copytext
from workers.importer.store import Batch

WORKSPACE = UUID("5b0f1f3e-0000-4000-8000-000000000001")
KEYS = ("ada@example.org", "bob@example.org")
WORDS = st.sampled_from(["", "a", "b", "é", "😀"])


@dataclass(frozen=True)
class Segment:
    """Some rows of one import, each with its position."""

    second: int
    index: int
    existing: Existing
    rows: tuple[tuple[Person, int], ...]


def batch(staged: Sequence[Staged]) -> Batch:
    """These contacts, ready to be merged."""
    return Batch(copytext.lines(staged), duplicate=sum(each.rows - 1 for each in staged))


EMAILS = st.builds(Email, st.sampled_from([*KEYS, "Eve@x.org", "eve@x.org"]), WORDS)
PHONES = st.builds(Phone, st.sampled_from(["", "+4912"]), st.sampled_from(["1", "2"]), WORDS)


def _person(
    key: str, name: str, company: str, notes: str, more: list[Email], phones: list[Phone], labels: list[str], rest: int
) -> Person:
    scalars = tuple({"name": name, "company": company, "notes": notes}.get(field, "") for field in SCALARS)
    emails = (Email(key, name), *more)
    return Person(
        row=0,
        line=0,
        match_key=match_key(scalars, emails) or "",
        scalars=scalars,
        emails=emails,
        phones=tuple(phones),
        addresses=(Address(city="Köln", label=notes),) if rest & 1 else (),
        urls=(Url("https://x.org", company),) if rest & 2 else (),
        labels=tuple(labels),
        custom=(("K'\\\"n", name), ("k", notes)) if rest & 4 else (),
    )


def people() -> st.SearchStrategy[Person]:
    return st.builds(
        _person,
        st.sampled_from(KEYS),
        WORDS,
        WORDS,
        WORDS,
        st.lists(EMAILS, max_size=1),
        st.lists(PHONES, max_size=2),
        st.lists(st.sampled_from(["Fair", "fair", "vip"]), max_size=2),
        st.integers(0, 7),
    )


@st.composite
def imports(draw: st.DrawFn, modes: tuple[Existing, ...] = ("fill", "overwrite")) -> list[Segment]:
    """Two or three imports, each cut into segments anywhere."""
    segments: list[Segment] = []
    for second in draw(st.sampled_from([(100, 200), (100, 200, 300)])):
        existing = draw(st.sampled_from(modes))
        rows = draw(st.lists(people(), min_size=1, max_size=5))
        cuts = draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
        index = row = 0
        part: list[tuple[Person, int]] = []
        for person, cut in zip(rows, cuts, strict=True):
            part.append((person, position(second, index, row)))
            row += 1
            if cut:
                segments.append(Segment(second, index, existing, tuple(part)))
                index, row, part = index + 1, 0, []
        if part:
            segments.append(Segment(second, index, existing, tuple(part)))
    return segments
