"""The cut depends on the bytes and the plan only, and the reader finds the cutter's record ends."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Rejected
from app.core.positions import MAX_ROW
from app.core.reading import cutting, records, segments
from app.core.reading.cutting import Cut, Cutter, CutterState
from app.core.reading.plan import Dialect, Plan
from app.core.reading.records import Grammar

COMMA = Dialect(delimiter=",", quote='"', escape="doubled")
PLAN = Plan(dialect=COMMA, preamble=0, header=1)

# Pieces from which all that matters to quotes and line ends can be built.
PIECES = ['"', '""', ",", "\n", "\r\n", "\r", "a", "é", "Ann", '"a"', ',"b,c",', '"x\ny"', 'st"ray', "x" * 40, "\x00"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=120).map(lambda pieces: "".join(pieces).encode())
CLEAN_CELLS = st.sampled_from(
    ["", "a", "Ann", '"b"', '"c,d"', '"e\nf"', '"g\r\nh"', '"i""j"', '""', '""""', "é", '"\r"']
)
CLEAN_TEXTS = st.lists(
    st.tuples(st.lists(CLEAN_CELLS, min_size=1, max_size=4).map(",".join), st.sampled_from(["\n", "\r\n", "\r"])),
    max_size=40,
).map(lambda lines: "".join(line + end for line, end in lines).encode())


@contextmanager
def small_limits() -> Iterator[None]:
    """The same rules where a few bytes are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "SEGMENT_BYTES", (16, 32, 64, 128, 256))
        patch.setattr(cutting, "MAX_SEGMENT_BYTES", 256)
        patch.setattr(cutting, "MAX_LINE_ENDS", 9)
        patch.setattr(records, "MAX_QUOTED_BYTES", 48)
        yield


def cut(data: bytes, plan: Plan = PLAN) -> list[Cut]:
    cutter = Cutter(plan)
    return cutter.feed(data) + cutter.end()


def line_ends(data: bytes) -> int:
    return len(re.findall(rb"\r\n|\r|\n", data))


@settings(max_examples=80)
@given(text=TEXTS, data=st.data())
def test_any_chunking_and_any_interruption_give_the_same_cuts(text: bytes, data: st.DataObject) -> None:
    with small_limits():
        whole = cut(text)
        cutter = Cutter(PLAN)
        found: list[Cut] = []
        at = 0
        while at < len(text):
            size = data.draw(st.integers(1, 70))
            found += cutter.feed(text[at : at + size])
            at += size
            assert cutter.state.received == min(at, len(text))
            assert len(cutter.state.remainder) < 256
            if data.draw(st.booleans()):
                kept = msgspec.json.encode(cutter.state)
                cutter = Cutter(PLAN, msgspec.json.decode(kept, type=CutterState))
        found += cutter.end()
    assert found == whole


@settings(max_examples=80)
@given(text=TEXTS)
def test_cuts_hold_every_byte_once_and_know_their_lines(text: bytes) -> None:
    with small_limits():
        cutter = Cutter(PLAN)
        cuts = cutter.feed(text) + cutter.end()
    assert b"".join(piece.data for piece in cuts) == text
    assert [piece.index for piece in cuts] == list(range(len(cuts)))
    for piece in cuts:
        assert text[piece.start : piece.end] == piece.data
        assert piece.first_line == 1 + line_ends(text[: piece.start])
    assert (cutter.state.offset, cutter.state.index) == (len(text), len(cuts))
    assert cutter.state.lines == line_ends(text)


@settings(max_examples=100)
@given(text=TEXTS, header=st.integers(0, 2))
def test_cutter_and_reader_agree_on_every_record(text: bytes, header: int) -> None:
    with small_limits():
        grammar = Grammar(COMMA)
        cuts = cut(text, Plan(dialect=COMMA, preamble=0, header=header))
        if any(piece.opens for piece in cuts):
            return
        whole = [(record.start, record.text_end, record.end) for record in grammar.records(text)]
        by_segments = [
            (piece.start + record.start, piece.start + record.text_end, piece.start + record.end)
            for piece in cuts
            for record in grammar.records(piece.data)
        ]
    assert by_segments == whole


@settings(max_examples=100)
@given(text=TEXTS)
def test_where_quotes_are_plain_parity_finds_record_ends_only(text: bytes) -> None:
    with small_limits():
        grammar = Grammar(COMMA)
        for final in (True, False):
            certain = grammar.plain(text, final=final)
            if certain is None:
                continue
            ends = {record.end for record in grammar.records(text, final=final)}
            for end in range(certain + 1):
                found = grammar.last_outside(text, end)
                crlf = text[found - 1 : found + 1] == b"\r\n"
                assert found == 0 or crlf or found in ends


@settings(max_examples=100)
@given(text=CLEAN_TEXTS)
def test_csv_and_our_own_walk_give_the_same_rows(text: bytes) -> None:
    quick, _ = segments.records(text, COMMA, first_line=5)
    walked = segments._walked(text, Grammar(COMMA), 5, 0, False, 0)
    assert Grammar(COMMA).plain(text, final=True) is not None
    assert [(row.number, row.line, list(row.cells)) for row in quick.rows] == [
        (row.number, row.line, list(row.cells)) for row in walked.rows
    ]


@settings(max_examples=100)
@given(text=TEXTS)
def test_each_row_knows_its_line(text: bytes) -> None:
    found, _ = segments.records(text, COMMA, first_line=1)
    starts = [record for record in Grammar(COMMA).records(text) if record.text_end > record.start]
    lines = {row.number: row.line for row in found.rows} | {told.row: told.line for told in found.problems}
    assert lines == {number: 1 + line_ends(text[: record.start]) for number, record in enumerate(starts)}


def cells(text: str) -> list[list[str]]:
    return [list(row.cells) for row in segments.records(text.encode(), COMMA)[0].rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\nc,d\n", [["a", "b"], ["c", "d"]]),
        ("a,b", [["a", "b"]]),
        ("a\r\nb\rc\nd", [["a"], ["b"], ["c"], ["d"]]),
        ("\n\na\n\n\r\nb\n", [["a"], ["b"]]),
        ('"a\nb",c\n', [["a\nb", "c"]]),
        ('"a""b"\n', [['a"b']]),
        ('5" disk,x\n', [['5" disk', "x"]]),
        ('x,5"\ny,z\n', [["x", '5"'], ["y", "z"]]),
        ('"He said "hi" to me",x\n', [['He said "hi" to me', "x"]]),
        ('"a"b,c\n', [['"a"b', "c"]]),
        ('"",""\n', [["", ""]]),
        (",,\n", [["", "", ""]]),
    ],
)
def test_quotes_and_line_ends(text: str, expected: list[list[str]]) -> None:
    assert cells(text) == expected


def test_a_quote_left_open_costs_one_row() -> None:
    found, _ = segments.records(b'a,b\nc,"d\ne,f\n', COMMA)
    assert [list(row.cells) for row in found.rows] == [["a", "b"], ["e", "f"]]
    assert [(told.code, told.row, told.line, told.column, told.cells) for told in found.problems] == [
        ("quote_left_open", 1, 2, 1, ("c", '"d'))
    ]


def test_a_quoted_field_of_32_kb_is_read_and_a_longer_one_is_taken_back() -> None:
    fits, long = b"x" * records.MAX_QUOTED_BYTES, b"x" * (records.MAX_QUOTED_BYTES + 1)
    assert [len(row.cells[0]) for row in segments.records(b'"%b"\nz\n' % fits, COMMA)[0].rows] == [32 * 1024, 1]
    found, _ = segments.records(b'"%b\n%b"\nz\n' % (long, b"y"), COMMA)
    assert [told.code for told in found.problems] == ["quote_left_open"]
    assert [row.cells for row in found.rows] == [['y"'], ["z"]]


def test_a_quote_at_the_limit_that_is_half_of_two_closes_nothing() -> None:
    text = b'"' + b"x" * records.MAX_QUOTED_BYTES + b'""y",z\nb\n'
    found, _ = segments.records(text, COMMA)
    assert [told.code for told in found.problems] == ["quote_left_open"]


def test_quotes_are_not_plain_where_they_have_to_be_walked() -> None:
    grammar = Grammar(COMMA)
    assert grammar.plain(b'a,"b"\n', final=True) == 6
    assert grammar.plain(b'a,"b"', final=True) == 5
    assert grammar.plain(b'a,"b', final=True) is None
    assert grammar.plain(b'a,"b"', final=False) == 2
    assert grammar.plain(b'a,"b', final=False) == 2
    assert grammar.plain(b"a\r", final=False) == 1
    assert grammar.plain(b'a",b\n', final=True) is None
    assert grammar.plain(b'"x%b"\n' % (b"x" * records.MAX_QUOTED_BYTES), final=True) is None
    for before in range(3):
        text = b"z" * before + b',"' + b'""' * 16_385 + b'"\n'
        assert grammar.plain(text, final=True) is None
    assert grammar.plain(b'"ab","c""d"\r\n' * 9_000, final=True) == 117_000


def test_segments_grow_to_512_kb() -> None:
    line = b"x" * 127 + b"\n"
    sizes = [len(piece.data) // 1024 for piece in cut(line * 16_000)]
    assert sizes == [16, 64, 128, 256, 512, 512, 512]


def test_a_segment_has_at_most_8000_line_ends() -> None:
    cuts = cut(b"ab\r\n" * 20_001)
    assert max(line_ends(piece.data) for piece in cuts) == 8_000 <= MAX_ROW
    assert all(piece.data.endswith(b"\r\n") for piece in cuts)


def test_an_oversized_record_is_one_rejected_row_across_segments() -> None:
    giant = b",".join([b"cell%d" % number for number in range(150_000)])
    assert len(giant) > 2 * cutting.MAX_SEGMENT_BYTES
    cuts = cut(b"h\n" + b"a\n" * 3 + giant + b"\nb\n")
    assert [(piece.opens, piece.continues) for piece in cuts] == [
        (False, False),
        (True, False),
        (True, True),
        (False, True),
    ]
    last, _ = segments.records(cuts[-1].data, COMMA, continues=True)
    assert [row.cells for row in last.rows] == [["b"]]


def test_an_oversized_record_is_not_cut_inside_a_character_or_crlf() -> None:
    cuts = cut(("é" * 600_000).encode() + b"\r\n")
    assert len(cuts) == 3
    for piece in cuts:
        piece.data.decode()
    inside = cut(b"a" * (cutting.MAX_SEGMENT_BYTES - 1) + b"\r\n" + b"b\n")
    assert [(piece.first_line, piece.opens) for piece in inside] == [(1, True), (1, False)]


def test_preamble_and_header_stay_in_the_first_segment() -> None:
    header = b'"' + b"long header" * 2_500 + b'",b\n'
    cuts = cut(b"Notes\n" + header + b"x,y\n" * 9_000, Plan(dialect=COMMA, preamble=1, header=1))
    assert cuts[0].data.startswith(b"Notes\n" + header)


def test_a_byte_order_mark_is_no_text() -> None:
    cutter = Cutter(PLAN)
    assert [cutter.feed(byte) for byte in (b"\xef", b"\xbb", b"\xbf", b"a\n")] == [[], [], [], []]
    assert [piece.data for piece in cutter.end()] == [b"a\n"]
    assert cutter.state.received == 5
    assert [piece.data for piece in cut(b"\xef\xbb")] == [b"\xef\xbb"]


def test_an_empty_file_has_no_segments() -> None:
    assert cut(b"") == []


def test_too_many_parts_end_the_import() -> None:
    cutter = Cutter(PLAN, CutterState(index=262_144, remainder=b"a\n"))
    with pytest.raises(Rejected, match="too_many_parts"):
        cutter.end()


@pytest.mark.parametrize("piece", [b'a"b', b',"', b'""', b'"x"y,', b'\n"', b'"\n', b',"""a""\n', b"\r", b","], ids=repr)
def test_hostile_input_takes_linear_time(piece: bytes) -> None:
    """Some of it is walked at a few MB/s; anything quadratic would take minutes."""
    data = piece * (600_000 // len(piece))
    cutter = Cutter(Plan(dialect=COMMA, preamble=0, header=0))
    started = time.process_time()
    for at in range(0, len(data), 65_536):
        cutter.feed(data[at : at + 65_536])
    cutter.end()
    assert time.process_time() - started < 5
