"""What is sealed opens in its own place, with a key that is in force, and nowhere else."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sealing import Files, Unreadable, Vault, whose

OLD, NEW = f"old:{'0f' * 32}", f"new:{'f0' * 32}"


@given(st.binary(max_size=3000), st.text(max_size=60))
def test_what_was_sealed_opens_again(plain: bytes, about: str) -> None:
    vault = Vault.parse(NEW)
    assert vault.open(vault.seal(plain, about), about) == plain


@given(st.data())
def test_one_changed_bit_is_noticed(data: st.DataObject) -> None:
    vault = Vault.parse(NEW)
    sealed = bytearray(vault.seal(b"1//a-refresh-token", "refresh 7"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Unreadable):
        vault.open(bytes(sealed), "refresh 7")


def test_a_ciphertext_that_was_moved_to_another_row_does_not_open() -> None:
    vault = Vault.parse(NEW)
    sealed = vault.seal(b"token", "refresh mine")
    with pytest.raises(Unreadable):
        vault.open(sealed, "refresh theirs")


def test_the_same_text_is_never_sealed_the_same() -> None:
    vault = Vault.parse(NEW)
    assert len({vault.seal(b"token", "x") for _ in range(100)}) == 100


def test_the_first_key_seals_and_all_open() -> None:
    before = Vault.parse(OLD).seal(b"token", "x")
    both = Vault.parse(f"{NEW}, {OLD}")
    assert both.open(before, "x") == b"token"
    assert Vault.parse(NEW).open(both.seal(b"token", "x"), "x") == b"token"


def test_a_key_that_was_taken_away_is_named_and_nothing_opens() -> None:
    with pytest.raises(Unreadable, match="'old'"):
        Vault.parse(NEW).open(Vault.parse(OLD).seal(b"token", "x"), "x")


def test_another_key_under_the_same_id_opens_nothing() -> None:
    with pytest.raises(Unreadable):
        Vault.parse(f"old:{'aa' * 32}").open(Vault.parse(OLD).seal(b"token", "x"), "x")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02\x03old", b"\x01\x03old", b"\x01\xffold" + b"x" * 40])
def test_what_is_no_ciphertext_is_not_read(sealed: bytes) -> None:
    with pytest.raises(Unreadable):
        Vault.parse(OLD).open(sealed, "x")


@pytest.mark.parametrize(
    "text", ["", "nonsense", "a:zz", f"a:{'0f' * 16}", f"a b:{'0f' * 32}", f"{OLD},{OLD}", f":{'0f' * 32}"]
)
def test_keys_that_cannot_be_used_are_refused_without_repeating_them(text: str) -> None:
    with pytest.raises(ValueError, match="key") as refused:
        Vault.parse(text)
    assert "0f0f" not in str(refused.value)


WORKSPACE, IMPORT = UUID(int=1), UUID(int=2)
FILES = Files(Vault.parse(NEW), "here")
SEGMENT = ("segment", b'{"index":7}')


@given(st.binary(max_size=100_000))
def test_a_value_opens_with_the_key_of_its_import(value: bytes) -> None:
    key = FILES.new_key(IMPORT)
    sealed, headers = FILES.seal(key, WORKSPACE, IMPORT, value, [SEGMENT])
    assert FILES.open(key, sealed, dict(headers)) == value


def test_a_sealed_value_says_whose_it_is_and_nothing_of_what_is_in_it() -> None:
    sealed, headers = FILES.seal(FILES.new_key(IMPORT), WORKSPACE, IMPORT, b"ada@example.org\r\n" * 400, [SEGMENT])
    said = whose(dict(headers))
    assert (said.workspace, said.import_id, said.site) == (WORKSPACE, IMPORT, "here")
    assert b"ada" not in sealed
    assert len(sealed) < 200, "it is compressed before it is sealed"


def test_a_value_opens_after_a_way_through_retries_and_the_dead() -> None:
    key = FILES.new_key(IMPORT)
    sealed, headers = FILES.seal(key, WORKSPACE, IMPORT, b"row", [SEGMENT])
    assert FILES.open(key, sealed, {**dict(headers), "attempts": b"3", "origin": b"a/1/2"}) == b"row"


def test_a_value_under_another_header_does_not_open() -> None:
    key = FILES.new_key(IMPORT)
    sealed, headers = FILES.seal(key, WORKSPACE, IMPORT, b"row", [SEGMENT])
    for changed in ({"segment": b'{"index":8}'}, {"sealed": headers[1][1].replace(b"here", b"away")}):
        with pytest.raises(Unreadable):
            FILES.open(key, sealed, {**dict(headers), **changed})
    with pytest.raises(Unreadable):
        FILES.open(key, sealed, {"sealed": headers[1][1]})


def test_no_other_key_opens_a_value() -> None:
    sealed, headers = FILES.seal(FILES.new_key(IMPORT), WORKSPACE, IMPORT, b"row")
    with pytest.raises(Unreadable):
        FILES.open(FILES.new_key(IMPORT), sealed, dict(headers))
    with pytest.raises(Unreadable):
        FILES.open(FILES.new_key(uuid4()), sealed, dict(headers))


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x02" + b"x" * 60, b"\x01" + b"x" * 60, b"Name,E-mail"])
def test_a_value_that_nobody_sealed_is_not_read(value: bytes) -> None:
    key = FILES.new_key(IMPORT)
    _, headers = FILES.seal(key, WORKSPACE, IMPORT, b"row")
    with pytest.raises(Unreadable):
        FILES.open(key, value, dict(headers))


def test_a_header_that_nobody_wrote_is_not_read() -> None:
    with pytest.raises(Unreadable):
        whose({"sealed": b"{"})
