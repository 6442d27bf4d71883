"""The merge rule of design.md section 5: what matters is which rows came, not how."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.contacts import (
    SCALARS,
    Contact,
    Email,
    Outcome,
    Person,
    absorb,
    fold,
    fresh,
    kept_sources,
    living,
    match_key,
    merge,
    shown,
)
from app.core.positions import position
from app.core.reading.plan import Existing
from tests.importing import WORKSPACE, Segment, imports, people

FIRST, SECOND = position(100, 0, 0), position(200, 0, 0)


def ada(label: str = "", **fields: str) -> Person:
    scalars = tuple(fields.get(name, "") for name in SCALARS)
    emails = (Email("Ada@x.org", label),)
    return Person(row=0, line=1, match_key=match_key(scalars, emails) or "", scalars=scalars, emails=emails)


def value(contact: Contact, name: str) -> str:
    return contact.values[SCALARS.index(name)]


def imported(segments: Iterable[Segment]) -> tuple[dict[str, Contact], dict[int, Counter[Outcome]]]:
    """What is stored after these segments, and each import's outcomes."""
    stored: dict[str, Contact] = {}
    outcomes: dict[int, Counter[Outcome]] = {}
    for segment in segments:
        counts = outcomes.setdefault(segment.second, Counter())
        for staged in fold(WORKSPACE, segment.rows, segment.existing):
            stored[staged.id], outcome = absorb(stored.get(staged.id), staged.contact, segment.existing)
            counts[outcome] += 1
            counts["duplicate"] += staged.rows - 1
    return stored, outcomes


@settings(max_examples=100)
@given(st.data())
def test_neither_order_nor_cuts_nor_repetition_change_a_contact(data: st.DataObject) -> None:
    segments = data.draw(imports())
    contacts, _ = imported(segments)
    shuffled = data.draw(st.permutations(segments + data.draw(st.lists(st.sampled_from(segments), max_size=2))))
    assert imported(shuffled)[0] == contacts
    one_by_one = [
        Segment(segment.second, segment.index, segment.existing, (row,)) for segment in segments for row in segment.rows
    ]
    assert imported(one_by_one)[0] == contacts


@settings(max_examples=100)
@given(st.data())
def test_each_row_has_one_outcome_and_the_first_three_count_the_people(data: st.DataObject) -> None:
    segments = data.draw(imports(modes=("fill", "overwrite", "skip")))
    _, outcomes = imported(data.draw(st.permutations(segments)))
    for second, group in groupby(segments, key=lambda segment: segment.second):
        rows = [person for segment in group for person, _ in segment.rows]
        counts = outcomes[second]
        assert counts.total() == len(rows)
        assert counts.total() - counts["duplicate"] == len({person.match_key for person in rows})


@settings(max_examples=100)
@given(people(), people(), people(), st.sampled_from(["fill", "overwrite"]))
def test_merging_commutes_associates_and_repeats(one: Person, two: Person, three: Person, existing: Existing) -> None:
    a = fresh(one, FIRST, "overwrite")._replace(match_key="")
    b = fresh(two, SECOND, existing)._replace(match_key="")
    c = fresh(three, position(300, 1, 1), existing)._replace(match_key="")
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(merge(a, b), b) == merge(a, b)


def test_filling_keeps_what_is_there_and_adds_what_is_missing() -> None:
    merged, outcome = absorb(
        fresh(ada(name="Ada"), FIRST, "fill"), fresh(ada(name="X", title="Dr"), SECOND, "fill"), "fill"
    )
    assert (value(merged, "name"), value(merged, "title"), outcome) == ("Ada", "Dr", "updated")


def test_any_overwrite_beats_any_fill() -> None:
    late_fill = fresh(ada(name="Fill"), SECOND, "fill")
    assert value(merge(fresh(ada(name="Over"), FIRST, "overwrite"), late_fill), "name") == "Over"


def test_an_empty_cell_erases_nothing() -> None:
    stored = fresh(ada("work", name="Ada"), FIRST, "overwrite")
    merged, outcome = absorb(stored, fresh(ada(), SECOND, "overwrite"), "overwrite")
    assert (value(merged, "name"), merged.sets["Eada@x.org"][1], outcome) == ("Ada", "work", "unchanged")


def test_the_same_value_from_a_later_import_raises_the_stamp_and_is_unchanged() -> None:
    merged, outcome = absorb(
        fresh(ada(name="Ada"), FIRST, "overwrite"), fresh(ada(name="Ada"), SECOND, "overwrite"), "overwrite"
    )
    assert (merged.stamps[0], outcome) == (SECOND, "unchanged")


def test_of_equal_stamps_the_greater_value_wins_bytewise() -> None:
    one, other = fresh(ada(name="Z"), FIRST, "overwrite"), fresh(ada(name="a"), FIRST, "overwrite")
    assert value(merge(one, other), "name") == value(merge(other, one), "name") == "a"


def test_skip_passes_over_whoever_was_there_before_the_import() -> None:
    stored = fresh(ada(name="Ada"), FIRST, "fill")
    incoming = fresh(ada("home", title="Dr"), SECOND, "skip")
    merged, outcome = absorb(stored, incoming, "skip")
    assert (shown(merged), outcome) == (shown(stored), "unchanged")
    assert absorb(merged, incoming, "skip")[1] == "duplicate"


def test_skip_still_merges_the_rows_of_its_own_import() -> None:
    born = fresh(ada(name="Ada"), position(200, 5, 0), "skip")
    merged, outcome = absorb(born, fresh(ada(name="First", title="Dr"), SECOND, "skip"), "skip")
    assert (value(merged, "name"), value(merged, "title"), outcome) == ("First", "Dr", "duplicate")


def test_an_email_written_differently_is_one_email_and_the_later_label_wins() -> None:
    merged = merge(fresh(ada("home"), FIRST, "fill"), fresh(ada("work"), SECOND, "fill"))
    assert merged.sets == {"eada@x.org": (SECOND, "Ada@x.org", 0), "Eada@x.org": (SECOND, "work", 0)}


def test_what_someone_removed_stays_away_until_it_is_added_again() -> None:
    removed = fresh(ada("home"), FIRST, "fill")._replace(sets={"-eada@x.org": (SECOND, "", 0)})
    gone = merge(fresh(ada("home"), FIRST, "fill"), removed)
    assert living(gone.sets) == {}
    back = merge(gone, fresh(ada(), position(300, 0, 0), "fill"))
    assert list(living(back.sets)) == ["eada@x.org"]


def test_what_is_below_a_deletion_writes_nothing_and_what_is_above_revives() -> None:
    deleted = fresh(ada(), FIRST, "fill")._replace(values=("",) * 12, stamps=(None,) * 12, sets={}, deletion=SECOND)
    stale = merge(deleted, fresh(ada("x", name="Old"), FIRST, "overwrite"))
    assert (stale.values, stale.sets) == (("",) * 12, {})
    fresh_row = fresh(ada(name="New"), position(300, 0, 0), "fill")
    revived = merge(stale, fresh_row)
    assert (revived.values, revived.sets) == (fresh_row.values, fresh_row.sets)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(range(3), (0, 1, 2)), (range(9), tuple(range(9))), (range(12), (0, *range(4, 12)))],
)
def test_the_first_and_the_eight_highest_sources_are_kept(given: range, kept: tuple[int, ...]) -> None:
    assert kept_sources(given) == kept
