"""Channels and their tokens."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import channels
from app.core.channels import Keys
from app.core.errors import Rejected

OLD = "a:" + "01" * 32
NEW = "b:" + "02" * 32
KEYS = Keys.parse(f"{NEW},{OLD}")
WORKSPACE = UUID(int=7)
CHANNEL = channels.new_channel(bytes(range(16)))
HOLDER = channels.holder_of("a credential")


def token(**changes: object) -> str:
    claim = {"keys": KEYS, "channel": CHANNEL, "workspace": WORKSPACE, "holder": HOLDER, "expires_at": 2000} | changes
    return channels.issue(**claim)  # type: ignore[arg-type]


def refused(text: str, *, channel: str = CHANNEL, holder: str = HOLDER, now: float = 1000, keys: Keys = KEYS) -> str:
    with pytest.raises(Rejected) as refusal:
        channels.verify(keys, text, channel=channel, holder=holder, now=now)
    return refusal.value.code


def test_a_token_opens_its_channel_for_its_holder_until_it_expires() -> None:
    claim = channels.verify(KEYS, token(), channel=CHANNEL, holder=HOLDER, now=1999.9)
    assert claim == channels.Claim(channel=CHANNEL, workspace=WORKSPACE, expires_at=2000)
    assert refused(token(), now=2000) == "token_expired"


def test_a_token_is_useless_on_another_channel_or_without_the_credential() -> None:
    assert refused(token(), channel=channels.workspace_channel(WORKSPACE)) == "bad_token"
    assert refused(token(), holder=channels.holder_of("another credential")) == "bad_token"


def test_a_token_cannot_be_given_a_longer_life_or_another_workspace() -> None:
    version, key, workspace, expiry, mac = token().split(".")
    assert refused(".".join((version, key, workspace, "3000", mac))) == "bad_token"
    assert refused(".".join((version, key, UUID(int=8).hex, expiry, mac))) == "bad_token"
    assert refused(".".join((version, "a", workspace, expiry, mac))) == "bad_token"


def test_the_first_key_signs_and_every_key_verifies() -> None:
    by_old = channels.issue(Keys.parse(OLD), CHANNEL, WORKSPACE, HOLDER, 2000)
    assert channels.verify(KEYS, by_old, channel=CHANNEL, holder=HOLDER, now=0).workspace == WORKSPACE
    assert token().split(".")[1] == "b"
    assert refused(token(), keys=Keys.parse(OLD)) == "bad_token"


@given(st.text())
def test_no_text_makes_verification_stumble(text: str) -> None:
    assert refused(text) == refused(token(), channel=text) == "bad_token"


@pytest.mark.parametrize(
    "text", ["", "a", "a:", "a:zz", "a:" + "00" * 15, f"{OLD},{OLD}", ":" + "00" * 32, "a.b:" + "00" * 32]
)
def test_keys_that_cannot_be_used_are_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Keys.parse(text)


def test_a_workspace_has_one_channel_of_the_common_shape() -> None:
    assert channels.workspace_channel(WORKSPACE) == channels.workspace_channel(UUID(int=7))
    assert channels.workspace_channel(WORKSPACE) != channels.workspace_channel(UUID(int=8))
    for channel in (CHANNEL, channels.workspace_channel(WORKSPACE)):
        assert channels.CHANNEL.fullmatch(channel)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://localhost:8000", "addressbus_8000"),
        ("http://localhost", "addressbus_80"),
        ("https://book.example", "__Host-addressbus"),
        ("https://book.example:8443", "__Host-addressbus"),
    ],
)
def test_the_cookie_is_named_for_the_public_url(url: str, name: str) -> None:
    assert channels.cookie_name(url) == name
