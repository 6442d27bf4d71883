"""A contact on its way into the read model: nothing of it is lost, nothing of it breaks the line."""

from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.core.events import ContactOut, EmailOut, PhoneOut, SourceOut
from workers.projector import rows

WORKSPACE = UUID(int=7)
ANY = st.text(max_size=12)
CONTACTS = st.builds(
    ContactOut,
    id=st.uuids(),
    version=st.integers(1, 2**62),
    updated_at=st.floats(0, 4e9),
    name=ANY,
    given=ANY,
    company=ANY,
    notes=ANY,
    emails=st.lists(st.builds(EmailOut, value=ANY, label=ANY), max_size=2).map(tuple),
    phones=st.lists(st.builds(PhoneOut, value=ANY, raw=ANY), max_size=2).map(tuple),
    labels=st.lists(ANY, max_size=3).map(tuple),
    custom=st.dictionaries(ANY, ANY, max_size=3),
    sources=st.lists(
        st.builds(SourceOut, import_id=st.uuids().map(str), source=st.just("file"), at=st.integers(0, 2**32)),
        max_size=3,
    ).map(tuple),
)


def only(contact: ContactOut) -> rows.Row:
    (row,) = rows.rows(WORKSPACE, [msgspec.Raw(msgspec.json.encode(contact))])
    return row


def unescaped(cell: bytes) -> bytes:
    """A cell of COPY's text format, as PostgreSQL reads it."""
    for written, meant in ((b"\\\\", b"\0"), (b"\\n", b"\n"), (b"\\t", b"\t"), (b"\\r", b"\r"), (b"\0", b"\\")):
        cell = cell.replace(written, meant)
    return cell


@given(CONTACTS)
def test_a_row_is_one_line_of_six_cells_whose_last_is_the_contact_and_one_of_five_for_its_entry(
    contact: ContactOut,
) -> None:
    row = only(contact)
    for line, cells in ((row.contact, 6), (row.entry, 5)):
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert b"\r" not in line
        assert b"\0" not in line
        assert line.startswith(f"{WORKSPACE}\t{contact.id}\t".encode())
        assert line.count(b"\t") == cells - 1
    told = row.contact[:-1].split(b"\t")
    assert unescaped(told[-1]) == msgspec.json.encode(contact)
    assert unescaped(told[4]).decode() == row.facets


@given(CONTACTS)
def test_a_contact_is_counted_once_under_each_of_its_values(contact: ContactOut) -> None:
    facets = only(contact).facets.split(rows.BETWEEN)
    assert len(facets) == len(set(facets))
    assert facets[0] == "a"
    assert {facet for facet in facets if facet[0] == "i"} == {f"i{one.import_id}" for one in contact.sources}


def test_a_deleted_contact_leaves_only_its_mark() -> None:
    row = only(ContactOut(id=UUID(int=1), version=9, updated_at=1.0, deleted=True, name="Ann"))
    assert row.facets == ""
    assert row.contact == f"{WORKSPACE}\t{UUID(int=1)}\t9\tt\t\t\n".encode()
    assert row.entry == b""


def test_who_has_no_name_is_sorted_by_what_else_is_known() -> None:
    def sorted_by(**values: object) -> bytes:
        return only(ContactOut(id=UUID(int=1), version=1, updated_at=1.0, **values)).entry.split(b"\t")[3]  # type: ignore[arg-type]

    assert sorted_by(name="Zoë Ärmel", company="Acme") == b"zoe armel"
    assert sorted_by(company="Acme") == b"acme"
    assert sorted_by(emails=(EmailOut(value="a.b@c.de"),)) == b"a b c de"
    assert sorted_by() == b""
