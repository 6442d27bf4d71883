"""vCards and LDIF are cut like any file: the same segments for any pieces, and nobody lost at a cut."""

import base64
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.reading import cards, segments
from app.core.reading.cardfiles import MAX_RECORDS, whole_records
from app.core.reading.pictures import Pictures, without_pictures
from app.core.reading.plan import Format
from tests.reading import header_of
from tests.unit.reading.cardhouse import card, cuts, only, plan, read

PHOTO = base64.b64encode(bytes(range(256)) * 6_000).decode()
"""2 MB."""


def folded(value: str, width: int = 74, indent: str = " ") -> str:
    return f"\r\n{indent}".join(value[at : at + width] for at in range(0, len(value), width))


def entry(number: int) -> str:
    return f"dn: cn=Ann {number},mail=ann{number}@example.com\ncn: Ann {number}\nmail: ann{number}@example.com\n\n"


MANY_CARDS = "".join(
    card(f"FN:Ann Lee{n}", f"EMAIL:ann{n}@example.com", f"NOTE:{'x' * (n % 300)}") for n in range(2_000)
)
MANY_ENTRIES = "version: 1\n\n# all\n" + "".join(map(entry, range(4_000)))


@pytest.mark.parametrize(("format_", "text", "count"), [("vcard", MANY_CARDS, 2_000), ("ldif", MANY_ENTRIES, 4_000)])
@pytest.mark.parametrize("pieces", [97_001, 5_003])
def test_the_cuts_are_the_same_for_any_pieces(format_: Format, text: str, count: int, pieces: int) -> None:
    by = plan(format_)
    whole = cuts(text.encode(), by)
    assert cuts(text.encode(), by, pieces) == whole
    assert b"".join(cut.data for cut in whole) == text.encode()
    assert len(whole) > 2
    reading = read(text, by)
    assert (len(reading.people), reading.problems, reading.rows) == (count, [], count)


@pytest.mark.parametrize(("format_", "text"), [("vcard", MANY_CARDS), ("ldif", MANY_ENTRIES)])
def test_lines_are_counted_over_all_segments(format_: Format, text: str) -> None:
    lines = text.replace("\r\n", "\n").split("\n")
    for person in read(text, plan(format_)).people:
        assert lines[person.line - 1].startswith(("BEGIN:VCARD", "dn: "))
        name = person.emails[0].value.removesuffix("@example.com")
        assert name in "".join(lines[person.line - 1 : person.line + 4])


def test_a_segment_has_fewer_records_than_positions() -> None:
    shortest = b"BEGIN:VCARD\nEND:VCARD\n"
    assert whole_records(shortest * 9_000, "vcard", final=True) == MAX_RECORDS * len(shortest)
    shortest = b"dn:\n\n"
    assert whole_records(shortest * 9_000, "ldif", final=False) == MAX_RECORDS * len(shortest)


@pytest.mark.parametrize(
    "photo",
    [
        f"PHOTO;ENCODING=b;TYPE=JPEG:{folded(PHOTO)}",
        f"PHOTO;TYPE=JPEG;X-CROP=ABC==;ENCOD\r\n ING=B:{folded(PHOTO, indent='  ')}",
        f"PHOTO;ENCODING=BASE64;JPEG:\r\n {folded(PHOTO)}\r\n",
        f"PHOTO;JPEG;BASE64:\r\n{folded(PHOTO, indent='')}\r\n",
        f"PHOTO:data:image/jpeg;base64,{folded(PHOTO)}",
        f"item1.PHOTO;ENCODING=b:{PHOTO}",
        f"X-MS-CARDPICTURE;TYPE=JPEG;ENCODING=BASE64:\r\n {folded(PHOTO)}",
    ],
)
def test_nobody_is_lost_because_of_a_big_photo(photo: str) -> None:
    text = card("FN:Ann Lee", photo, "EMAIL:ann@example.com") + card("FN:Bob", "TEL:+49301234567")
    ann, bob = read(text).people
    assert (ann.emails[0].value, bob.phones[0].value) == ("ann@example.com", "+49301234567")
    assert ann.custom == ()
    assert text.split("\r\n")[bob.line - 1] == "BEGIN:VCARD"
    assert max(len(cut.data) for cut in cuts(text.encode(), plan())) < 512 * 1024


@pytest.mark.parametrize("pieces", [7_919, 1 << 30])
def test_progress_counts_the_photos(pieces: int) -> None:
    text = "".join(card(f"FN:Ann {n}", f"PHOTO;ENCODING=b:{folded('A' * 4000 * n)}") for n in range(60)).encode()
    found = cuts(text, plan(), pieces)
    assert found == cuts(text, plan())
    assert (found[0].start, found[-1].end) == (0, len(text))
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(text[cut.start : cut.end].count(b"BEGIN") == cut.data.count(b"BEGIN") for cut in found)


def test_nobody_is_lost_in_a_directory_because_of_a_big_photo() -> None:
    text = (
        f"dn: cn=Ann\r\njpegPhoto:: {folded(PHOTO)}\r\nmail: ann@example.com\r\n\r\ndn: cn=Bob\r\nmail: bob@x.com\r\n"
    )
    ann, bob = read(text, plan("ldif")).people
    assert (ann.emails[0].value, bob.emails[0].value) == ("ann@example.com", "bob@x.com")
    assert text.split("\r\n")[bob.line - 1] == "dn: cn=Bob"


def test_texts_are_no_pictures() -> None:
    text = card("NOTE:one", "PHOTO;VALUE=uri:https://example.com/a.jpg", "X-SIZE:YWJj", "KEY:abc", "FN:Ann\r\n data:x")
    assert without_pictures(text.encode(), "vcard", whole=True) == text.encode()
    note = "NOTE;ENCODING=QUOTED-PRINTABLE:see=0D=0A=\r\nPHOTO: that one"
    assert "that one" in only(card(note, "FN:Ann", version="2.1")).scalars[-1]


PIECES = [
    "PHOTO;ENCODING=b:",
    "item1.LOGO;BASE64:",
    "PHOTO:",
    "data:",
    "NOTE:",
    "/9j/",
    "AAAA" * 300,
    "=",
    ":",
    ";",
    "\n",
]
PIECES += ["\r\n", "\n ", "\r\n ", "\r", " ", "END:VCARD", "BEGIN:VCARD", "AGENT:", "jpegPhoto::", "dn: cn=x", "é", '"']
PIECES += [
    "X-A;ENCODING=B:",
    "ENCODING=QUOTED-PRINTABLE",
    "\n\n",
    "TEL;CELL:",
    "1" * 30,
    "mail: a@x.com",
    "FN:Ann",
    "\\",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@settings(max_examples=150)
@given(TEXTS, st.sampled_from(["vcard", "ldif"]), st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_pictures_are_left_out_alike_whatever_the_pieces(text: str, format_: Format, sizes: list[int]) -> None:
    data = text.encode()
    pictures = Pictures(format_)
    found, at = b"", 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        found += pictures.feed(data[at : at + size])
        pictures = Pictures(format_, pictures.state)
        at += size
    found += pictures.end()
    assert found == without_pictures(data, format_, whole=True)
    assert pictures.left_out(len(found) + 1) == len(data) - len(found)
    assert found.count(b"\n") == data.count(b"\n")


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=100),
    st.sampled_from(["vcard", "ldif"]),
)
def test_any_text_is_read_to_its_end(text: str, format_: Format) -> None:
    by = plan(format_)
    data = text.encode()
    for cut in cuts(data, by, 7):
        reading = segments.read(cut.data, header_of(by, cut))
        assert reading.rows == len(reading.people) + len(reading.problems)
        rows = [person.row for person in reading.people] + [told.row for told in reading.problems]
        assert len(set(rows)) == len(rows)


@settings(max_examples=100)
@given(TEXTS)
def test_a_text_that_is_cut_behind_a_card_reads_as_one(text: str) -> None:
    data = text.encode()
    whole = [(found.start, found.end) for found in cards.cards(data)]
    for end in [found.end for found in cards.cards(data, final=False)]:
        first = [(found.start, found.end) for found in cards.cards(data[:end])]
        rest = [(found.start + end, found.end + end) for found in cards.cards(data[end:])]
        assert first + rest == whole


def test_a_card_of_too_much_text_is_one_problem() -> None:
    big = card("FN:Big", *[f"NOTE:{'x' * 200}"] * 9_000)
    text = card("FN:Ann") + big + card("FN:Bob")
    reading = read(text)
    assert [person.scalars[0] for person in reading.people] == ["Ann", "Bob"]
    assert [(told.code, told.line) for told in reading.problems] == [("row_too_long", 5)]
    assert text.split("\r\n")[reading.people[1].line - 1] == "BEGIN:VCARD"
    entry_text = "dn: cn=Ann\ncn: Ann\n\n" + "dn: cn=Big\n" + "description: x\n" * 90_000 + "\ndn: cn=Bob\ncn: Bob\n"
    reading = read(entry_text, plan("ldif"))
    assert [person.scalars[0] for person in reading.people] == ["Ann", "Bob"]
    assert [(told.code, told.line) for told in reading.problems] == [("row_too_long", 4)]


def test_what_is_no_card_is_nobody_however_much_it_is() -> None:
    reading = read("x" * 700_000 + "\n" + card("FN:Ann"))
    assert ([person.scalars[0] for person in reading.people], reading.problems) == (["Ann"], [])
    reading = read("\n" * 700_000 + "dn: cn=Ann\ncn: Ann\n", plan("ldif"))
    assert [(person.scalars[0], person.line) for person in reading.people] == [("Ann", 700_001)]


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VCARD\n" * 15_000,
        "AGENT:\nBEGIN:VCARD\n" * 10_000,
        "BEGIN:VCARD " * 15_000,
        "x=\nEND:VCARD\n" * 15_000,
        "BEGIN:VCARD\n" + "x=\n" * 60_000,
        "BEGIN:VCARD\nNOTE;QUOTED-PRINTABLE:" + "=\n" * 70_000,
        "BEGIN:VCARD\nNOTE:" + "\n x" * 60_000,
        "BEGIN:VCARD\nN:" + "\\;" * 70_000 + "\nEND:VCARD\n",
        "BEGIN:VCARD\nTEL;" + 'TYPE="' * 10_000 + ":1\nEND:VCARD\n",
        "BEGIN:VCARD\n" + "item1.X-A:1\n" * 15_000 + "END:VCARD\n",
        "BEGIN:VCARD\n" + "X-A:" + "\nb" * 70_000 + "\nEND:VCARD\n",
        "BEGIN:VCARD\n" + "NOTE:" + "\nb" * 70_000 + "\nEND:VCARD\n",
        "BEGIN:VCARD\nFN:A\n" + "NICKNAME:abcdef\n" * 10_000 + "END:VCARD\n",
        "BEGIN:VCARD\nFN:A\n" + "".join(f"EMAIL:a{n}@x.com\n" for n in range(8_000)) + "END:VCARD\n",
        "BEGIN:VCARD\nFN:A\n" + "".join(f"NICKNAME:a{n}\nNOTE:{n}\n" for n in range(6_000)) + "END:VCARD\n",
        "BEGIN:VCARD\nFN:A\n" + "".join(f"X-A:{n}\n" for n in range(10_000)) + "END:VCARD\n",
        "\nPHOTO;ENCODING=B;" * 10_000,
        "\nKEY;" * 40_000,
    ],
    ids=range(18),
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    read(text)
    assert time.process_time() - started < 2
