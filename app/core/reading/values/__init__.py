"""One cell -> one value: e-mail, phone, date, country, link, label. Pure, linear in the cell's length.

Each function takes a cleaned cell (`clean`) that is not empty. What it cannot make sense of it says so with None (a
phone: with an empty E.164 form): the caller decides what becomes of the text; nothing is dropped or invented here.
The words of languages are data, in `data/`; names of countries and months are those of Unicode CLDR 47, and some more.
"""

from app.core.reading.values.countries import country, country_name
from app.core.reading.values.dates import date, day_of, is_no_date, month_number, serial
from app.core.reading.values.emails import MAX_EMAIL, display_name, email, email_suggestion, emails, meant_domain
from app.core.reading.values.links import kind, label, url
from app.core.reading.values.phones import is_shortened, keeps_its_form, phone, phones
from app.core.reading.values.texts import MAX_CELL, NOTHING, PLACEHOLDERS, clean, clean_all, is_placeholder, last_first

__all__ = (
    "MAX_CELL",
    "MAX_EMAIL",
    "NOTHING",
    "PLACEHOLDERS",
    "clean",
    "clean_all",
    "country",
    "country_name",
    "date",
    "day_of",
    "display_name",
    "email",
    "email_suggestion",
    "emails",
    "is_no_date",
    "is_placeholder",
    "is_shortened",
    "keeps_its_form",
    "kind",
    "label",
    "last_first",
    "meant_domain",
    "month_number",
    "phone",
    "phones",
    "serial",
    "url",
)
