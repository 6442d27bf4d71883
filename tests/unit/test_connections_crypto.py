"""What is sealed opens in its own place, with a key that is in force, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connections.crypto import Unreadable, Vault

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
