from uuid import UUID

import pytest

from app.core.contacts import SCALARS, Email, Phone, contact_id, fold_email, full_name, match_key

WORKSPACE = UUID("5b0f1f3e-0000-4000-8000-000000000001")


def row(**fields: str) -> tuple[str, ...]:
    return tuple(fields.get(name, "") for name in SCALARS)


def test_the_first_email_identifies_whatever_else_is_there() -> None:
    assert match_key(row(name="Ada"), [Email("Ada@Example.org"), Email("x@y.z")], [Phone("+491", "1")]) == (
        "e:ada@example.org"
    )


@pytest.mark.parametrize(
    ("typed", "folded"),
    [("ADA@EXAMPLE.ORG", "ada@example.org"), ("jö@Müller.de", "jö@xn--mller-kva.de"), ("JÖ@x.de", "jö@x.de")],
)
def test_an_email_is_folded_and_its_domain_is_ascii(typed: str, folded: str) -> None:
    assert fold_email(typed) == folded


def test_without_email_the_provider_id_identifies() -> None:
    assert match_key(row(), provider=("google", "a", "c1")) == "i:google\x1fa\x1fc1"


def test_without_either_it_is_phone_and_folded_name() -> None:
    by_parts = match_key(row(given="ADA", family="Lovelace"), phones=[Phone("", "12"), Phone("+4912", "012")])
    assert by_parts == match_key(row(name="ada  lovelace"), phones=[Phone("+4912", "+49 12")])
    assert by_parts == "p:+4912 ada lovelace"


def test_a_row_with_only_a_name_is_known_by_all_of_it() -> None:
    assert match_key(row(name="Ada", notes="x")) != match_key(row(name="Ada"))
    assert match_key(row(name="Ada")) == match_key(row(name="Ada"))


@pytest.mark.parametrize("fields", [{}, {"notes": "hello"}, {"title": "Dr"}])
def test_a_row_that_names_nobody_has_no_key(fields: dict[str, str]) -> None:
    assert match_key(row(**fields)) is None


def test_a_doubtful_number_alone_still_identifies_a_row() -> None:
    assert (match_key(row(), phones=[Phone("", "call me")]) or "").startswith("n:")


def test_a_key_always_fits_an_index_entry() -> None:
    key = match_key(row(name="é" * 30_000), phones=[Phone("+49123", "+49123")])
    assert key is not None
    assert len(key.encode()) < 1100


def test_a_contact_has_the_same_id_everywhere() -> None:
    assert contact_id(WORKSPACE, "e:ada@example.org") == UUID("eb6674c2-3780-5cd1-905c-1b40c30b1707")


def test_a_name_is_composed_of_its_parts_when_there_is_none() -> None:
    assert full_name(row(prefix="Dr.", given="Ada", family="Lovelace")) == "Dr. Ada Lovelace"
    assert full_name(row(name="A. L.", given="Ada")) == "A. L."


def test_names_of_east_asia_begin_with_the_family() -> None:
    assert full_name(row(given="太郎", family="山田")) == "山田 太郎"
    assert full_name(row(given="민수", family="김", suffix="님")) == "김 민수 님"
    assert full_name(row(given="Taro", family="山田")) == "Taro 山田"
    assert full_name(row(family="山田")) == "山田"
    assert full_name(row(given="Zoë", family="Émile")) == "Zoë Émile"
