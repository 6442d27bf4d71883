"""What is told about stored contacts."""

from uuid import UUID, uuid4

import msgspec
import pytest

from app.core.contacts import (
    SCALARS,
    Address,
    Contact,
    Email,
    Person,
    Phone,
    Url,
    contact_id,
    fold,
    fresh,
    match_key,
    merge,
)
from app.core.events import ContactOut, ContactsChanged, ImportProblems, ProblemOut, SegmentHeader, SourceOut
from app.core.origins import completed
from app.core.positions import position
from app.core.reading.plan import Plan
from workers.importer import copytext, results
from workers.importer.store import Stored

WORKSPACE = UUID("5b0f1f3e-0000-4000-8000-000000000001")
FIRST, SECOND = position(100, 0, 0), position(200, 0, 0)
SOURCES = {second: SourceOut(import_id=f"import {second}", source="file", at=second) for second in (100, 200)}


def person(label: str = "", **fields: str) -> Person:
    scalars = tuple(fields.get(name, "") for name in SCALARS)
    emails = (Email("Ada@X.org", label), Email("ada@home.org"))
    return Person(
        row=0,
        line=1,
        match_key=match_key(scalars, emails) or "",
        scalars=scalars,
        emails=emails,
        phones=(Phone("+4912", "012", "home"), Phone("", "ask Bob")),
        addresses=(Address("1 Street", "Rome", "", "00100", "Italy", "work"),),
        urls=(Url("https://x.org", "blog"),),
        labels=("Fair", "vip"),
        custom=(("No.", "7"),),
    )


def out(contact: Contact) -> ContactOut:
    stored = Stored(contact_id(WORKSPACE, contact.match_key).hex, contact, 3, 12.5)
    return msgspec.json.decode(msgspec.json.encode(results.contact_out(stored, SOURCES)), type=ContactOut)


def header() -> SegmentHeader:
    return SegmentHeader(
        workspace=WORKSPACE,
        import_id=uuid4(),
        index=4,
        order_second=100,
        start=0,
        end=0,
        first_line=1,
        crc32c=0,
        plan=Plan(),
    )


def test_a_contact_is_told_whole_and_says_where_each_part_is_from() -> None:
    told = out(fresh(person("work", given="Ada", family="Lovelace", company="Acme"), FIRST, "fill"))
    assert told.id == contact_id(WORKSPACE, "e:ada@x.org")
    assert (told.version, told.updated_at, told.deleted) == (3, 12.5, False)
    assert (told.name, told.given, told.company, told.title) == ("Ada Lovelace", "Ada", "Acme", "")
    assert [(email.value, email.label, email.from_) for email in told.emails] == [
        ("Ada@X.org", "work", "import 100"),
        ("ada@home.org", "", "import 100"),
    ]
    assert [(phone.value, phone.raw, phone.label) for phone in told.phones] == [
        ("+4912", "012", "home"),
        ("", "ask Bob", ""),
    ]
    assert told.addresses[0].street == "1 Street"
    assert (told.addresses[0].country, told.addresses[0].label) == ("Italy", "work")
    assert [(url.value, url.label) for url in told.urls] == [("https://x.org", "blog")]
    assert told.labels == ("Fair", "vip")
    assert told.custom == {"No.": "7"}
    assert told.sources == (SOURCES[100],)
    assert told.origins == {}
    whole = msgspec.json.decode(completed(msgspec.json.encode(told)), type=ContactOut)
    assert whole.origins == dict.fromkeys(("name", "given", "family", "company"), SOURCES[100])


def test_each_part_of_a_merged_contact_names_its_own_import() -> None:
    one = fresh(person(name="Ada"), FIRST, "fill")
    other = fresh(person(name="X", title="Dr")._replace(emails=(Email("new@x.org"),)), SECOND, "fill")
    told = out(merge(one, other))
    assert {field: source.at for field, source in told.origins.items()} == {"name": 100, "title": 200}
    assert [(email.value, email.from_) for email in told.emails] == [
        ("Ada@X.org", "import 100"),
        ("new@x.org", "import 200"),
        ("ada@home.org", "import 100"),
    ]
    assert told.sources == (SOURCES[100], SOURCES[200])


def test_of_fields_from_one_import_beside_another_it_is_said_once() -> None:
    one = fresh(person(name="Ada", title="Dr"), FIRST, "fill")
    told = out(merge(one, fresh(person(name="Ada"), SECOND, "fill")))
    assert (told.origin, told.origins, told.sources) == (SOURCES[100], {}, (SOURCES[100], SOURCES[200]))
    whole = completed(msgspec.json.encode(told))
    assert msgspec.json.decode(whole, type=ContactOut).origins == dict.fromkeys(("name", "title"), SOURCES[100])
    assert "origin" not in msgspec.json.decode(whole)


def test_what_was_removed_is_not_told() -> None:
    contact = fresh(person(), FIRST, "fill")
    removed = contact._replace(sets={**contact.sets, "-eada@home.org": (SECOND, "", 0)})
    assert [email.value for email in out(removed).emails] == ["Ada@X.org"]


def test_a_deleted_contact_says_so_until_something_revives_it() -> None:
    gone = fresh(person(), FIRST, "fill")._replace(sets={}, custom={}, deletion=SECOND)
    assert out(gone).deleted
    assert not out(merge(gone, fresh(person(name="New"), position(300, 0, 0), "fill"))).deleted


def test_an_unknown_import_is_left_out_rather_than_invented() -> None:
    told = out(fresh(person(name="Ada"), position(999, 0, 0), "fill"))
    assert (told.name, told.sources, told.origins, told.emails[0].from_) == ("Ada", (), {}, "")


def test_every_import_that_something_is_from_is_looked_up() -> None:
    one, other = fresh(person(name="Ada"), FIRST, "fill"), fresh(person(), SECOND, "fill")
    both = merge(one, other)._replace(sources=(200, 300))
    assert results.seconds([Stored("", one, 1, 0), Stored("", both, 1, 0)]) == {100, 200, 300}


def test_a_segment_without_contacts_is_told_too() -> None:
    (record,) = results.changed(header(), "here", [], 1.0)
    told = msgspec.json.decode(record, type=ContactsChanged)
    assert (told.index, told.part, told.parts, told.contacts) == (4, 0, 1, ())


def test_much_is_told_in_parts_of_at_most_512_kb_that_are_complete() -> None:
    people = [
        (person(notes="n" * 3000)._replace(match_key=f"e:{number}"), position(100, 4, number)) for number in range(500)
    ]
    stored = [Stored(each.id, each.contact, 1, 0.0) for each in fold(WORKSPACE, people, "fill")]
    records = results.changed(header(), "here", results.told(stored, SOURCES), 1.0)
    assert len(records) > 2
    assert max(map(len, records)) <= results.PART_BYTES
    told = [msgspec.json.decode(record, type=ContactsChanged) for record in records]
    assert [(each.part, each.parts) for each in told] == [(number, len(records)) for number in range(len(records))]
    assert [contact.id.hex for each in told for contact in each.contacts] == [each.id for each in stored]


def test_problems_are_told_only_if_there_are_some() -> None:
    found = ProblemOut(row=3, line=4, column=None, code="no_identity", message="m", suggestion="s", cells=("a",))
    assert results.problems(header(), "here", [], 1.0) == []
    (record,) = results.problems(header(), "here", [found], 1.0)
    assert msgspec.json.decode(record, type=ImportProblems).problems == (found,)


@pytest.mark.parametrize("text", ["tab\there", "line\nbreak", "back\\slash", "\r", "\\N", "\\.", "\x02", 'quote"d'])
def test_copy_text_is_one_line_per_contact_whatever_is_in_it(text: str) -> None:
    plain = fold(WORKSPACE, [(person(name="plain"), FIRST)], "fill")
    odd = fold(WORKSPACE, [(person(name=text, notes=text)._replace(match_key="e:odd"), SECOND)], "fill")
    lines = copytext.lines([*plain, *odd])
    assert len(lines) == 2
    assert [line.count("\t") for line in lines] == [19, 19]


def test_copy_text_of_nothing_is_nothing() -> None:
    assert copytext.lines([]) == []
