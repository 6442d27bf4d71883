"""Separators, quotes, escapes, and where the header is: seen in the file, and read alike by cutter and reader."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Rejected
from app.core.reading import cutting, dialect, header, plans, records, segments
from app.core.reading.cutting import Cutter
from app.core.reading.plan import Dialect, Plan
from app.core.reading.plans import Completion, Defaults
from app.core.reading.records import Grammar

PLAIN = Dialect(delimiter=",", quote='"', escape="doubled")
ALL = [
    msgspec.convert({"delimiter": delimiter, "quote": quote, "escape": escape, "trim": trim}, Dialect)
    for delimiter, quote, escape, trim in product(
        (",", "\t", "\x1f"), ('"', "'", None), ("doubled", "backslash"), (False, True)
    )
]


def complete(text: str, given: Plan | None = None) -> Completion:
    return plans.complete(
        text.encode(), whole=True, given=given, defaults=Defaults(), remembered=lambda signature: None
    )


def seen(text: str) -> tuple[Any, ...]:
    """Delimiter, quote, escape, trim, preamble and header."""
    plan = complete(text).plan
    assert plan.dialect is not None
    found = plan.dialect
    return found.delimiter, found.quote, found.escape, found.trim, plan.preamble, plan.header


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name;Email;Phone\nLee, Ann;ann@x.com;+44 7911 123456\nDay, Bob;bob@x.com;\n", (";", '"', "doubled", False)),
        ("Name|Email|Phone\nAnn|ann@x.com|+44 7911 123456\n", ("|", '"', "doubled", False)),
        ("Name:Email:Phone\nAnn:ann@x.com:+44 7911 123456\nBob:bob@x.com:\n", (":", '"', "doubled", False)),
        ("Name\x1fEmail\x1fPhone\nAnn\x1fann@x.com\x1f+44 7911 123456\n", ("\x1f", '"', "doubled", False)),
        ("Name\tEmail\nLee, Ann\tann@x.com\nDay, Bob\tbob@x.com\n", ("\t", '"', "doubled", False)),
        ("Email\nann@x.com\nbob@x.com\n", (",", '"', "doubled", False)),
        ("Name,Link\nAnn,https://x.com:80/a;b\nBob,https://x.com:80/c;d\n", (",", '"', "doubled", False)),
        ("'Name','Email'\n'O''Brien, Pat','pat@x.com'\n'Ann','ann@x.com'\n", (",", "'", "doubled", False)),
        ("Name,Email\n't Hart,a@x.com\n'O Neil,b@x.com\n", (",", '"', "doubled", False)),
        ('Name, Email\n"Lee, Ann", "ann@x.com"\n"Day, Bob", "bob@x.com"\n', (",", '"', "doubled", True)),
        ('"Name","Email"\n"Ann \\"A, B\\" Lee","ann@x.com"\n"Bob","bob@x.com"\n', (",", '"', "backslash", False)),
        ("'Name','Email'\n'O\\'Brien','pat@x.com'\n'Ann','ann@x.com'\n", (",", "'", "backslash", False)),
        ("name\temail\tnote\nAnn\ta@x.com\t\\N\nBob\\\tX\tb@x.com\tx\n", ("\t", '"', "backslash", False)),
        ('Name,Email,Path\nAnn,a@x.com,"C:\\dir\\"\nBob,b@x.com,"D:\\"\n', (",", '"', "doubled", False)),
    ],
)
def test_the_dialect_is_seen(text: str, expected: tuple[Any, ...]) -> None:
    assert seen(text)[:4] == expected
    assert complete(text).problems == ()


@pytest.mark.parametrize(
    ("line", "mark"), [("sep=;", ";"), ("sep=,", ","), ("SEP=\t", "\t"), ("sep=\\t", "\t"), ('"sep=|"', "|")]
)
def test_a_line_that_names_the_separator_is_believed(line: str, mark: str) -> None:
    rows = [["Name", "Email"], ["Ann", "ann@x.com"]]
    text = "\r\n".join([line, *map(mark.join, rows)]) + "\r\n"
    assert seen(text) == (mark, '"', "doubled", False, 1, 1)
    found = complete(text)
    assert (found.contacts, found.rows) == (({"name": "Ann", "emails": [{"value": "ann@x.com"}]},), 1)


def test_a_line_that_names_the_separator_is_no_person_where_there_is_no_header() -> None:
    found = complete("sep=;\r\nAnn Lee;ann@x.com\r\nBob Day;bob@x.com\r\n")
    assert (found.plan.preamble, found.plan.header, found.rows) == (1, 0, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name,Email\nAnn,a@x.com\n", (0, 1)),
        ("My list\n\nMade by X on 2026-01-01\n\nName,Email\nAnn,a@x.com\n", (2, 1)),
        ("First,Last,E-mail\nName,Name,Address\nAnn,Lee,a@x.com\n", (0, 2)),
        ("E-mail,E-mail,Phone,Phone\nWork,Home,Work,Home\na@x.com,,,\n", (0, 2)),
        ("Person,,Contact,\nFirst Name,Last Name,Email,Phone\nAnn,Lee,a@x.com,\n", (1, 1)),
        ("First Name,Last Name,Email\nVorname,Nachname,E-Mail\nAnn,Lee,a@x.com\n", (1, 1)),
        ("Ann Lee,a@x.com\nBob Day,b@x.com\n", (0, 0)),
        ("Name,Email\nName,Email\nAnn,a@x.com\n", (0, 1)),
    ],
)
def test_the_header_is_found(text: str, expected: tuple[int, int]) -> None:
    assert seen(text)[4:] == expected


def test_header_rows_are_read_from_top_to_bottom() -> None:
    found = complete("First,Last,E-mail\nName,Name,Address\nAnn,Lee,a@x.com\n")
    assert [column.header for column in found.plan.columns or ()] == ["First Name", "Last Name", "E-mail Address"]
    assert found.plan.signature == plans.signature_of(["First Name", "Last Name", "E-mail Address"])


def test_what_is_said_of_header_and_preamble_is_kept() -> None:
    text = "Some,words\nName,Email\n" + "Ann Lee,a@x.com\n" * 18
    assert seen(text)[4:] == (1, 1)
    assert complete(text, Plan(header=0)).rows == 20
    assert (complete(text, Plan(preamble=0)).plan.preamble, complete(text, Plan(preamble=0)).plan.header) == (0, 1)
    assert complete(text, Plan(preamble=0, header=2)).plan.columns[0].header == "Some Name"  # type: ignore[index]
    both = complete("First,Last\nName,Name\nAnn,Lee\n", Plan(header=1)).plan
    assert (both.preamble, both.header) == (0, 1)


def test_a_dialect_that_is_given_is_kept_and_the_rest_is_found_anew() -> None:
    given = Dialect(delimiter=";", quote='"', escape="doubled")
    found = complete("Note\nName;Email\nAnn;a@x.com\n", Plan(dialect=given))
    assert (found.plan.dialect, found.plan.preamble, found.plan.header) == (given, 1, 1)
    # Read by the wrong one, the header is another one.
    with pytest.raises(Rejected, match="nothing_recognised"):
        complete("City;Shoe\nLeeds;4\n", Plan(dialect=given))


# --- reading


def cells(text: str, **kind: Any) -> list[list[str]]:
    found, _ = segments.records(
        text.encode(), Dialect(**({"delimiter": ",", "quote": '"', "escape": "doubled"} | kind))
    )
    assert found.problems == []
    return [list(row.cells) for row in found.rows]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ('a, "b,c" , d\n "x" ,"y"\n', {"trim": True}, [["a", "b,c", " d"], ["x", "y"]]),
        ('a, "b,c"\n', {}, [["a", ' "b', 'c"']]),
        ('a\t  "b\tc"\n', {"trim": True, "delimiter": "\t"}, [["a", "b\tc"]]),
        ('"a\\"b,c",d\\,e,\\N\n', {"escape": "backslash"}, [['a"b,c', "d,e", ""]]),
        ('"C:\\Users","q\\\\"\n', {"escape": "backslash"}, [["C:\\Users", "q\\"]]),
        ('a\\\nb,c\n"d""e"\n', {"escape": "backslash"}, [["a\nb", "c"], ['d"e']]),
        ("'a,b','O''Brien',O'Neil\n", {"quote": "'"}, [["a,b", "O'Brien", "O'Neil"]]),
        ("'a,b','O\\'Brien',x\\,y\n", {"quote": "'", "escape": "backslash"}, [["a,b", "O'Brien", "x,y"]]),
        ('"a\tb\\\nc\td\n', {"quote": None, "escape": "backslash", "delimiter": "\t"}, [['"a', "b\nc", "d"]]),
        ("a\\", {"escape": "backslash"}, [["a\\"]]),
        (',"",\\N,"\\N"\n', {"escape": "backslash"}, [["", "", "", "\\N"]]),
    ],
)
def test_quotes_escapes_and_blanks(text: str, kind: dict[str, Any], expected: list[list[str]]) -> None:
    assert cells(text, **kind) == expected


PIECES = [
    '"',
    "'",
    "\\",
    '\\"',
    "\\\n",
    '""',
    ",",
    "\t",
    "\x1f",
    ", ",
    ' "',
    '" ',
    "\n",
    "\r\n",
    "\r",
    "a",
    "é",
    '"a"',
    "'b'",
    "x" * 40,
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=100).map(lambda pieces: "".join(pieces).encode())


@contextmanager
def small_limits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "SEGMENT_BYTES", (16, 32, 64, 128, 256))
        patch.setattr(cutting, "MAX_SEGMENT_BYTES", 256)
        patch.setattr(cutting, "MAX_LINE_ENDS", 9)
        patch.setattr(records, "MAX_QUOTED_BYTES", 48)
        yield


@settings(max_examples=100)
@given(text=TEXTS, kind=st.sampled_from(ALL), data=st.data())
def test_cutter_and_reader_agree_in_every_dialect(text: bytes, kind: Dialect, data: st.DataObject) -> None:
    with small_limits():
        plan = Plan(dialect=kind, preamble=0, header=0)
        cutter = Cutter(plan)
        cuts = cutter.feed(text) + cutter.end()
        again = Cutter(plan)
        some = []
        at = 0
        while at < len(text):
            size = data.draw(st.integers(1, 60))
            some += again.feed(text[at : at + size])
            at += size
            again = Cutter(plan, again.state)
        assert some + again.end() == cuts
        if any(piece.opens for piece in cuts):
            return
        grammar = Grammar(kind)
        whole = [(record.start, record.text_end, record.end) for record in grammar.records(text)]
        by_segments = [
            (piece.start + record.start, piece.start + record.text_end, piece.start + record.end)
            for piece in cuts
            for record in grammar.records(piece.data)
        ]
    assert by_segments == whole


@settings(max_examples=100)
@given(text=TEXTS, kind=st.sampled_from(ALL))
def test_where_quotes_are_plain_csv_reads_what_we_read(text: bytes, kind: Dialect) -> None:
    if Grammar(kind).plain(text, final=True) is None:
        return
    quick, _ = segments.records(text, kind)
    walked = segments._walked(text, Grammar(kind), 1, 0, False, 0)
    assert [(row.line, [*map(str, row.cells)]) for row in quick.rows] == [
        (row.line, [*map(str, row.cells)]) for row in walked.rows
    ]


WRITTEN = st.lists(
    st.lists(st.text(alphabet="ab,;'\"\\\n \t", max_size=6), min_size=2, max_size=4), min_size=1, max_size=5
)


@settings(max_examples=100)
@given(rows=WRITTEN, kind=st.sampled_from([one for one in ALL if one.quote]))
def test_what_is_written_in_quotes_is_read(rows: list[list[str]], kind: Dialect) -> None:
    quote = kind.quote or ""

    def quoted(cell: str) -> str:
        if kind.escape == "backslash":
            return (
                quote + re.sub(r"([\\\"'])", r"\\\1", cell) + quote
                if quote == '"'
                else quote + cell.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
            )
        return quote + cell.replace(quote, 2 * quote) + quote

    blank = " " if kind.trim else ""
    text = "".join((blank + kind.delimiter + blank).join(map(quoted, row)) + "\r\n" for row in rows)
    if kind.escape == "backslash" and quote == '"' and "'" in text:
        return  # a backslash before another character than these stands for itself
    assert cells(text, delimiter=kind.delimiter, quote=kind.quote, escape=kind.escape, trim=kind.trim) == [
        [segments._unescaped([cell])[0] for cell in row] for row in rows
    ]


@settings(max_examples=60)
@given(TEXTS)
def test_any_text_has_a_dialect(text: bytes) -> None:
    found = dialect.detect(text)
    rows = dialect.first_rows(text, found, whole=True).rows
    where = header.find(rows)
    assert where.preamble + where.header <= max(len(rows), where.preamble)


@pytest.mark.parametrize("kind", [one for one in ALL if one.delimiter == ","], ids=repr)
@pytest.mark.parametrize("piece", ['a"b', ', "', '\\"', '", "', "\\", ",\\", " ", "'x' ,"], ids=repr)
def test_hostile_input_takes_linear_time_in_every_dialect(piece: str, kind: Dialect) -> None:
    data = piece.encode() * (60_000 // len(piece))
    cutter = Cutter(Plan(dialect=kind, preamble=0, header=0))
    started = time.process_time()
    for cut in cutter.feed(data) + cutter.end():
        segments.records(cut.data, kind, continues=cut.continues)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "piece",
    [
        "Name,Email;Phone\tx|y:z\x1fw\n",
        '"a", \'b\',\\"c\n',
        '"',
        "'x', ",
        "Mobile,",
        "a@x.com,",
        "1,2;",
        '\\"\n',
        "x" * 500 + "\n",
    ],
    ids=repr,
)
def test_a_dialect_is_found_in_a_moment(piece: str) -> None:
    head = (piece * (262_144 // len(piece) + 1))[:262_144].encode()
    dialect.detect(head[:500])
    started = time.process_time()
    dialect.detect(head)
    assert time.process_time() - started < 0.5
