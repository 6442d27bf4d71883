"""Bytes of any encoding become UTF-8, whatever the pieces they come in."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.reading import text
from app.core.reading.cutting import Cut, Cutter, CutterState
from app.core.reading.mojibake import REPAIRS, damaged, mended
from app.core.reading.plan import Dialect, Plan, Repair
from app.core.reading.text import CODECS, Decoder, DecoderState, decoded, mark, size_in_file, told

WORDS = st.lists(
    st.sampled_from(
        [
            "Ann",
            "ü",
            "Łódź",
            "Иван",
            "Άννα",
            "田中",
            "さくら",
            "ﾀﾅｶ",
            "김민수",
            "王",
            "€",
            "😀",
            ",",
            "\r\n",
            '"',
            "Ã¼",
            "\ufeff",
        ]
    )
).map("".join)


def pieces(data: bytes, draw: st.DataObject) -> list[bytes]:
    found = []
    while data:
        size = draw.draw(st.integers(1, 9))
        found.append(data[:size])
        data = data[size:]
    return found


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=25)
@given(words=WORDS, noise=st.binary(max_size=12), draw=st.data())
def test_any_pieces_and_any_interruption_give_the_same_text(
    name: str, words: str, noise: bytes, draw: st.DataObject
) -> None:
    written = words.encode(CODECS[name], "ignore")
    at = draw.draw(st.integers(0, len(written)))
    data = written[:at] + noise + written[at:]
    repair: Repair | None = draw.draw(st.sampled_from([None, *REPAIRS]))
    whole = decoded(data, name, repair)
    decoder = Decoder(name, repair)
    found = []
    for piece in pieces(data, draw):
        found.append(decoder.feed(piece))
        kept = msgspec.json.encode(decoder.state)
        decoder = Decoder(name, repair, msgspec.json.decode(kept, type=DecoderState))
        assert len(decoder.state.held) < 8
    assert b"".join(found) + decoder.end() == whole


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=25)
@given(words=WORDS)
def test_what_was_written_is_read(name: str, words: str) -> None:
    data = words.encode(CODECS[name], "ignore")
    as_read = data.decode(CODECS[name])
    assert decoded(mark(name) + data, name).decode() == as_read
    assert size_in_file(as_read.encode(), name) == len(data)


@pytest.mark.parametrize("name", [name for name in CODECS if name != "utf-8"])
@settings(max_examples=25)
@given(data=st.binary(max_size=40))
def test_a_byte_that_is_no_character_is_kept_and_is_no_utf_8(name: str, data: bytes) -> None:
    read = decoded(data, name)
    try:
        whole = data.removeprefix(mark(name)).decode(CODECS[name])
    except UnicodeDecodeError:
        if name != "euc-jp":
            with pytest.raises(UnicodeDecodeError):
                read.decode()
            assert "\\x" in told(read)
    else:
        assert read.decode() == whole


def test_line_ends_and_separators_survive_a_broken_character() -> None:
    read = decoded(b"a\x82,b\n\x82\r\nc", "shift_jis")
    assert read == b"a\xed\xb2\x82,b\n\xed\xb2\x82\r\nc"
    assert told(read) == "a\\x82,b\n\\x82\r\nc"


def test_an_odd_byte_at_the_end_of_utf_16_is_kept() -> None:
    assert told(decoded("a\n".encode("utf-16-le") + b"x", "utf-16le")) == "a\n\\x78"
    with pytest.raises(UnicodeDecodeError):
        decoded("a\n".encode("utf-16-le") + b"x", "utf-16le").decode()


def test_half_of_a_pair_of_utf_16_is_kept() -> None:
    assert told(decoded(b"\x3d\xd8a\0", "utf-16le")) == "\\x3d\\xd8a"


def test_characters_that_windows_added_to_japanese_are_read() -> None:
    assert decoded(b"\xad\xea\xfc\xe2\xb6\xb6", "euc-jp").decode() == "㈱髙橋"


def test_utf_8_is_passed_on_untouched() -> None:
    assert decoded(b"\xef\xbb\xbfJos\xe9\xc3\xa9", "utf-8") == b"Jos\xe9\xc3\xa9"


@given(words=WORDS)
def test_mending_undoes_the_damage(words: str) -> None:
    for repair in REPAIRS:
        assert mended(damaged(words, repair), repair) == words or mended(words, repair) != words


def test_only_damaged_letters_are_mended() -> None:
    assert mended("MÃ¼ller, Müller, Ã, SÃO, â‚¬, â‚", "utf-8-read-as-windows-1252") == "Müller, Müller, Ã, SÃO, €, â‚"


def test_what_is_not_mended_is_counted_as_it_was() -> None:
    written = "MÃ¼ller".encode()
    read = decoded(written, "utf-8", "utf-8-read-as-windows-1252")
    assert size_in_file(read, "utf-8", "utf-8-read-as-windows-1252") == len(written)


# --- the cutter


def cuts(data: bytes, plan: Plan, draw: st.DataObject | None = None) -> list[Cut]:
    cutter = Cutter(plan)
    if draw is None:
        return cutter.feed(data) + cutter.end()
    found: list[Cut] = []
    for piece in pieces(data, draw):
        found += cutter.feed(piece)
        kept = msgspec.msgpack.encode(cutter.state)
        cutter = Cutter(plan, msgspec.msgpack.decode(kept, type=CutterState))
    return found + cutter.end()


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=8)
@given(words=WORDS, noise=st.binary(max_size=5), draw=st.data())
def test_a_cut_depends_on_the_bytes_and_the_plan_only(name: str, words: str, noise: bytes, draw: st.DataObject) -> None:
    plan = Plan(encoding=name, dialect=Dialect(delimiter=",", quote='"', escape="doubled"), preamble=0, header=0)
    data = words.encode(CODECS[name], "ignore") + noise + words.encode(CODECS[name], "ignore")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.core.reading.cutting.SEGMENT_BYTES", (16, 32, 64))
        patch.setattr("app.core.reading.cutting.MAX_SEGMENT_BYTES", 64)
        whole = cuts(data, plan)
        assert cuts(data, plan, draw) == whole
    assert b"".join(cut.data for cut in whole) == decoded(data, name)


def test_what_was_received_is_counted_in_bytes_of_the_file() -> None:
    plan = Plan(encoding="utf-16le", dialect=Dialect(delimiter=",", quote='"', escape="doubled"))
    data = "Name\r\nJörg\r\n".encode("utf-16")
    cutter = Cutter(plan)
    found = cutter.feed(data) + cutter.end()
    assert cutter.state.received == len(data)
    assert sum(size_in_file(cut.data, "utf-16le") for cut in found) == len(data) - len(mark("utf-16le"))
    assert text.BOM not in found[0].data
