"""The sample of people who do not exist."""

import csv
import io
import re

from app.web.pages import sample


def test_the_sample_is_the_same_every_time_and_has_1000_rows() -> None:
    assert sample.text() == sample.text()
    rows = list(csv.reader(io.StringIO(sample.text(), newline="")))
    assert rows[0] == list(sample.HEADER)
    assert len(rows) == 1 + sample.PEOPLE
    assert {len(row) for row in rows} == {len(sample.HEADER)}


def test_the_sample_has_repeats_and_rows_that_cannot_be_used_as_real_files_do() -> None:
    addresses = [row[2] for row in sample.people()]
    assert len(set(addresses)) < len(addresses)
    assert addresses.count("") == 4


def test_nobody_in_the_sample_can_be_reached() -> None:
    for row in sample.people():
        assert re.fullmatch(r"(person\d{4}@example\.(org|com|net))?", row[2])
