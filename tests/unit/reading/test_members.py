"""Segments of the files of a ZIP archive."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.core.events import SegmentHeader
from app.core.reading import blocks, members, segments
from app.core.reading.plan import Column, Dialect, Plan
from workers.importer.importing import rows_at_most

PLAN = Plan(
    format="csv",
    encoding="utf-8",
    dialect=Dialect(delimiter=",", quote='"', escape="doubled"),
    preamble=0,
    header=1,
    columns=(Column(index=0, field="given"), Column(index=1, field="emails", slot=1, part="value")),
)
DATA = b"Given,E-mail\r\nAnn,ann@lee.example\r\nBob,no-mail\r\n"


def header(**fields: Any) -> SegmentHeader:
    first = SegmentHeader(
        workspace=UUID(int=1), import_id=UUID(int=2), index=7, order_second=1, start=0, end=0, first_line=1, crc32c=0,
        plan=PLAN,
    )  # fmt: skip
    return msgspec.structs.replace(first, **fields)


@pytest.mark.parametrize("begins", [True, False])
def test_a_file_that_begins_with_a_later_segment_has_its_header_there(begins: bool) -> None:
    told = header(member="people.csv", begins=begins)
    block, by_columns = blocks.read(DATA, told)
    by_rows = segments.read(DATA, told)
    rows = 2 if begins else 3
    assert (by_rows.rows, by_columns.rows, rows_at_most(DATA, told)) == (rows, rows, rows)
    assert by_columns.problems == by_rows.problems
    assert len(by_columns.people) + (len(block.rows) if block else 0) == len(by_rows.people)


def test_a_problem_says_in_which_file_it_is() -> None:
    plain = segments.read(DATA, header(begins=True)).problems
    told = segments.read(DATA, header(begins=True, member="people.csv")).problems
    assert [problem.message for problem in told] == [f"people.csv: {problem.message}" for problem in plain]
    assert len(told) == 1


def test_files_that_were_not_read_are_rejected_rows() -> None:
    listing = members.listing([("photo.png", "This is a picture."), ("a\nb.pdf", "This is a PDF.")])
    reading = segments.read(listing, header(plan=Plan(format="zip")))
    assert (reading.rows, len(reading.people)) == (2, 0)
    assert [(problem.row, problem.line, problem.code, problem.cells) for problem in reading.problems] == [
        (0, 1, "file_not_read", ("photo.png",)),
        (1, 2, "file_not_read", ("a\nb.pdf",)),
    ]
    assert reading.problems[0].message == "photo.png: This is a picture."
    assert blocks.read(listing, header(plan=Plan(format="zip")))[1] == reading
