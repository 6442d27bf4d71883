"""The table to fill in: what we hand out is what we understand best."""

from app.core.reading.plans import Defaults, complete
from app.web import spreadsheet
from app.web.pages import sample

ADA = ("Ada", "Lee", "ada@example.org", "+44 7700 900123", "Tea Ltd", "Baker", "1 Row", "Bristol", "BS1", "Germany")


def test_every_column_of_the_template_is_understood_without_a_doubt() -> None:
    row = (*ADA, "1984-03-07", "Met at the fair", "Fair")
    table = spreadsheet.BOM + spreadsheet.table([sample.TEMPLATE, row])
    seen = complete(table, whole=True, given=None, defaults=Defaults(), remembered=lambda signature: None)
    assert all(column.confidence >= 0.9 for column in seen.columns)
    assert {column.field for column in seen.columns}.isdisjoint({"custom", "none"})
    assert not seen.problems
    assert not seen.warnings
    (ada,) = seen.contacts
    assert ada["labels"] == ["Fair"]
    assert ada["addresses"][0]["country"] == "DE"
    assert ada["birthday"] == "1984-03-07"
