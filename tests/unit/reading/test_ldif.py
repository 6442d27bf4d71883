"""Each entry of a directory is one person or one problem; lists become labels."""

import base64

import pytest

from app.core.contacts import Address, Email, Phone
from app.core.errors import Rejected
from app.core.reading import plans
from tests.unit.reading.cardhouse import only, plan, read, scalar

LDIF = plan("ldif")
PERSON = "objectClass: top\nobjectClass: person\nobjectClass: inetOrgPerson\n"


def entry(*lines: str, dn: str = "cn=Ann") -> str:
    return "\n".join((f"dn: {dn}", *lines, "", ""))


def b64(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(text.encode(encoding)).decode()


def test_a_person_of_mozilla() -> None:
    person = only(
        entry(
            PERSON.rstrip(),
            "givenName: Ann",
            "sn: Lee",
            "cn: Ann Lee",
            "mail: Ann@Example.com",
            "mozillaSecondEmail: ann@home.example",
            "mobile: +44 7911 123456",
            "mozillaHomeStreet: High St 1",
            "mozillaHomeStreet2: Flat 2",
            "mozillaHomeLocalityName: Leeds",
            "c: GB",
            "birthyear: 1984",
            "birthmonth: 3",
            "birthday: 7",
        ),
        LDIF,
    )
    assert person.scalars[:5] == ("Ann Lee", "", "Ann", "", "Lee")
    assert scalar(person, "birthday") == "1984-03-07"
    assert person.emails == (Email("ann@example.com"), Email("ann@home.example"))
    assert person.phones == (Phone("+447911123456", "+44 7911 123456", "mobile"),)
    assert person.addresses == (
        Address(country="GB", label="work"),
        Address("High St 1\nFlat 2", "Leeds", label="home"),
    )


def test_birthdays_without_a_year_and_those_that_are_none() -> None:
    assert scalar(only(entry("cn: A", "birthmonth: 03", "birthday: 7"), LDIF), "birthday") == "--03-07"
    assert scalar(only(entry("cn: A", "birthyear: 0", "birthmonth: 0", "birthday: 0"), LDIF), "birthday") == ""
    assert only(entry("cn: A", "birthyear: 1984"), LDIF).custom == (("Birthday", "1984"),)


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252", "x-mac-cyrillic"])
def test_base64_is_text_in_utf_8_or_in_what_the_file_is(encoding: str) -> None:
    by = plan("ldif", encoding=encoding)
    assert scalar(only(entry(f"cn:: {b64('Zoë')}"), by), "name") == "Zoë"
    codec = {"x-mac-cyrillic": "mac-cyrillic"}.get(encoding, encoding)
    assert scalar(only(entry(f"cn:: {b64('Éa' if codec != 'mac-cyrillic' else 'Жа', codec)}"), by), "name")


def test_what_is_no_text_is_left_out() -> None:
    data = base64.b64encode(bytes(range(64))).decode()
    person = only(entry("cn: Ann", f"x-odd:: {data}", "x-url:< file:///etc/passwd", "x-bad:: é", "x-fine: 1"), LDIF)
    assert person.custom == (("x-fine", "1"),)


def test_secrets_are_never_taken() -> None:
    person = only(
        entry("cn: Ann", f"userPassword:: {b64('{SSHA}abc')}", "sambaNTPassword: 1", "krbPrincipalKey: x"), LDIF
    )
    assert person.custom == ()


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_folded_lines_and_comments(ending: str) -> None:
    text = "# a comment\n#  more\n of it\ndn: cn=A\n nn\ncn: An\n n  Lee\n# between\nmail: ann@x.com\n"
    person = only(text.replace("\n", ending), LDIF)
    assert (scalar(person, "name"), person.line) == ("Ann  Lee", 4)


def test_what_is_around_entries_is_nobody() -> None:
    reading = read("version: 1\n\n# search\n\n" + entry("cn: Ann") + "\n# result\nsearch: 2\nresult: 0 Success\n", LDIF)
    assert [scalar(person, "name") for person in reading.people] == ["Ann"]
    assert (reading.problems, reading.rows) == ([], 1)


def test_changes_and_what_is_no_person_are_problems() -> None:
    text = (
        entry("changetype: delete")
        + entry("changetype: modify", "replace: cn", "cn: B", "-")
        + entry("objectClass: organizationalUnit", "ou: people", dn="ou=people")
        + entry("objectClass: top", "objectClass: person", "objectClass: computer", "cn: PC")
        + entry("changetype: add", "cn: Ann")
        + entry("objectClass: ourOwnClass", "cn: Bob", "mail: bob@x.com")
    )
    reading = read(text, LDIF)
    codes = ["entry_deleted", "entry_changed", "entry_no_person", "entry_no_person"]
    assert [told.code for told in reading.problems] == codes
    assert [scalar(person, "name") for person in reading.people] == ["Ann", "Bob"]
    assert [told.row for told in reading.problems] == [0, 1, 2, 3]


def test_a_bad_address_is_told_with_its_place() -> None:
    (told,) = read(entry("objectClass: person", "cn: Ann", "mail: ann@"), LDIF).problems
    assert (told.line, told.column, told.cells) == (1, 1, ("cn: Ann", "mail: ann@"))
    assert only(entry("cn: Ann", "mail: ann@", "mail: a@x.com"), LDIF).custom == (("E-mail", "ann@"),)


@pytest.mark.parametrize(
    "member",
    [
        "member: CN=Ann Lee , mail=ANN@x.com",
        "uniqueMember: cn=ann lee,mail=ann@x.com",
        "memberUid: alee",
        "rfc822MailMember: ann@x.com",
    ],
)
def test_lists_label_their_members(member: str) -> None:
    people = entry("cn: Ann Lee", "mail: ann@x.com", "uid: alee", dn="cn=Ann Lee,mail=ann@x.com")
    group = entry("objectClass: groupOfNames", "cn: Friends", member, dn="cn=Friends")
    for text in (people + group, group + people):
        reading = read(text, LDIF)
        assert [person.labels for person in reading.people] == [("Friends",)]
        assert (reading.problems, reading.rows) == ([], 1)


def test_a_list_of_others_is_told() -> None:
    reading = read(entry("cn: Bob") + entry("objectClass: groupOfNames", "cn: F", "member: cn=Nobody"), LDIF)
    assert [told.code for told in reading.problems] == ["group_scattered"]


def test_groups_of_active_directory_are_labels() -> None:
    person = only(entry("cn: Ann", "memberOf: CN=Sales\\, EU,OU=x,DC=y", "proxyAddresses: smtp:b@x.com"), LDIF)
    assert person.labels == ("Sales, EU",)
    assert person.emails == (Email("b@x.com"),)


def test_bytes_that_are_no_text_hurt_only_their_entry() -> None:
    data = b"dn: cn=A\ncn: A\n\ndn: cn=B\ncn: B\xff\n\ndn: cn=C\ncn: C\n"
    reading = read(data, LDIF)
    assert [scalar(person, "name") for person in reading.people] == ["A", "C"]
    assert [(told.line, told.code) for told in reading.problems] == [(4, "bad_encoding")]


def test_the_plan_of_a_directory() -> None:
    found = plans.complete(
        entry("cn: Ann").encode(), whole=True, given=None, defaults=plans.Defaults(), remembered=lambda _: None
    )
    assert (found.plan.format, found.plan.columns, found.contacts) == ("ldif", None, ({"name": "Ann"},))
    with pytest.raises(Rejected, match="nothing_recognised"):
        plans.complete(
            entry("objectClass: domain").encode(),
            whole=True,
            given=None,
            defaults=plans.Defaults(),
            remembered=lambda _: None,
        )
