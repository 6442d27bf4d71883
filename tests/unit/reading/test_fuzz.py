"""A few of the bytes that break a reader, each time; `make fuzz` tries more."""

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.reading import segments
from tests.fuzz.targets import TARGETS, cuts
from tests.reading import FILES, header_of
from tests.unit.reading.test_segments import plan_for, read

SEEDS = sorted(path for path in FILES.glob("*/*") if path.suffix != ".json" and path.stat().st_size < 8_000)
PIECES = st.sampled_from(
    [b'"', b"'", b"\\", b"\r", b"\n", b",", b";", b"\t", b"|", b":", b"\0", b"\xff", b"\xe2\x80", b"\xef\xbb\xbf", b"="]
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of the corpus with some bytes gone and some put in."""
    data = draw(st.sampled_from(SEEDS)).read_bytes()
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        data = data[:start] + draw(PIECES | st.binary(max_size=4)) + data[start + draw(st.integers(0, 8)) :]
    return data


@settings(max_examples=60)
@given(damaged())
def test_a_damaged_file_is_refused_or_every_record_of_it_is_told(data: bytes) -> None:
    TARGETS["file"](data)


@settings(max_examples=60)
@given(
    st.lists(PIECES | st.binary(max_size=6) | st.sampled_from([b"Ann", b"ann@example.com"]), max_size=30).map(b"".join)
)
def test_any_bytes_are_rows_in_any_dialect(data: bytes) -> None:
    TARGETS["rows"](data)


CELL = st.text(max_size=40) | st.lists(
    st.sampled_from(
        ["+49", "0", "/", "(0)", "ann", "@", "example.com", "<", ">", '"', "1984", "-", "03", "März", ".", "x5", "E+11"]
    ),
    max_size=8,
).map("".join)


@settings(max_examples=150)
@given(CELL)
def test_a_value_is_read_as_itself(cell: str) -> None:
    TARGETS["cells"](cell.encode(errors="ignore"))


@settings(max_examples=60)
@given(st.text(st.characters(exclude_characters='"\r\n', exclude_categories=["Cs"]), max_size=60))
def test_the_neighbours_of_any_row_are_what_they_were(bad: str) -> None:
    text = "Name,Email,Notes\nAnn,ann@example.com,before\n{}\nBob,bob@example.com,after\n"
    plan = plan_for(text.format("x,y@example.com,z"))
    people = read(text.format(bad), plan).people
    named = {person.line: (person.scalars[0], person.emails[0].value) for person in people if person.line in {2, 4}}
    assert named == {2: ("Ann", "ann@example.com"), 4: ("Bob", "bob@example.com")}


BAITS = {
    "separators": b"," * 100_000,
    "quotes": b'"' * 100_000,
    "lines that open a quote": b'"a\n' * 50_000,
    "line ends": b"\r\n" * 100_000,
    "letters": b"x" * 100_000,
    "at signs": b"x," + b"@" * 100_000,
    "addresses": b"x," + b"a@b.cc, " * 50_000,
    "no UTF-8": b"\xff" * 100_000,
    "wide characters": "x,😀́".encode() * 50_000,
}


@pytest.mark.parametrize("bait", BAITS)
def test_no_text_takes_long_or_much_memory(bait: str) -> None:
    plan = plan_for("Name,Email,Notes\nAnn,ann@example.com,x\n")
    data = b"Name,Email,Notes\n" + BAITS[bait]
    started = time.process_time()
    found = cuts(plan, data, (len(data),))
    for cut in found:
        segments.read(cut.data, header_of(plan, cut))
    assert time.process_time() - started < 4.0
    longest = max(found, key=lambda cut: len(cut.data))
    tracemalloc.start()
    segments.read(longest.data, header_of(plan, longest))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * len(longest.data) + 1_000_000
