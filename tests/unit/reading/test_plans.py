"""What a plan may say, and what the head of a file tells."""

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Rejected
from app.core.reading import plans
from app.core.reading.plan import Column, Dialect, Plan, Values
from app.core.reading.plans import Completion, Defaults, Encoding

GOOGLE_OLD = (
    "Name,Given Name,Additional Name,Family Name,Yomi Name,Given Name Yomi,Additional Name Yomi,Family Name Yomi,"
    "Name Prefix,Name Suffix,Initials,Nickname,Short Name,Maiden Name,Birthday,Gender,Location,Billing Information,"
    "Directory Server,Mileage,Occupation,Hobby,Sensitivity,Priority,Subject,Notes,Language,Photo,Group Membership,"
    "E-mail 1 - Type,E-mail 1 - Value,E-mail 2 - Type,E-mail 2 - Value,Phone 1 - Type,Phone 1 - Value,"
    "Address 1 - Type,Address 1 - Formatted,Address 1 - Street,Address 1 - City,Address 1 - PO Box,"
    "Address 1 - Region,Address 1 - Postal Code,Address 1 - Country,Address 1 - Extended Address,"
    "Organization 1 - Type,Organization 1 - Name,Organization 1 - Yomi Name,Organization 1 - Title,"
    "Organization 1 - Department,Website 1 - Type,Website 1 - Value"
)
GOOGLE_NEW = (
    "First Name,Middle Name,Last Name,Phonetic First Name,Phonetic Middle Name,Phonetic Last Name,Name Prefix,"
    "Name Suffix,Nickname,File As,Organization Name,Organization Title,Organization Department,Birthday,Notes,Photo,"
    "Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value"
)
OUTLOOK_DESKTOP = (
    "Title,First Name,Middle Name,Last Name,Suffix,Company,Department,Job Title,Business Street,Business Street 2,"
    "Business City,Business State,Business Postal Code,Business Country/Region,Home Street,Home City,"
    "Home Postal Code,Home Country/Region,Assistant's Phone,Business Fax,Business Phone,Business Phone 2,Callback,"
    "Home Phone,Mobile Phone,Pager,Anniversary,Birthday,Business Address PO Box,Categories,E-mail Address,"
    "E-mail Type,E-mail Display Name,E-mail 2 Address,E-mail 2 Type,Gender,Notes,Priority,Sensitivity,User 1,Web Page"
)
OUTLOOK_COM = (
    "First Name,Middle Name,Last Name,Title,Suffix,Nickname,Given Yomi,Surname Yomi,E-mail Address,E-mail 2 Address,"
    "E-mail 3 Address,Home Phone,Home Phone 2,Business Phone,Mobile Phone,Job Title,Department,Company,"
    "Business Street,Business City,Home Street,Home City,Personal Web Page,Spouse,Birthday,Notes"
)


def complete(text: str | bytes, given: Plan | None = None, *, whole: bool = True, **more: Any) -> Completion:
    return plans.complete(
        text.encode() if isinstance(text, str) else text,
        whole=whole,
        given=given,
        defaults=more.pop("defaults", Defaults()),
        remembered=more.pop("remembered", lambda signature: None),
    )


def fields(text: str, given: Plan | None = None) -> list[str]:
    """`field.part/slot:label` of each column."""
    found = []
    for column in complete(text, given).plan.columns or ():
        name: str = column.field
        if column.part not in {None, "value"}:
            name += f".{column.part}"
        if column.slot:
            name += f"/{column.slot}"
        if column.label:
            name += f":{column.label}"
        found.append(name)
    return found


def by_header(text: str) -> dict[str, str]:
    return dict(zip(text.splitlines()[0].split(","), fields(text), strict=True))


# --- understanding files


def test_the_old_headers_of_google() -> None:
    found = by_header(GOOGLE_OLD + "\nAnn Lee" + "," * GOOGLE_OLD.count(",") + "\n")
    expected = {
        "Name": "name.full",
        "Given Name": "given",
        "Family Name": "family",
        "Birthday": "birthday.whole",
        "Notes": "notes",
        "Group Membership": "labels",
        "E-mail 1 - Type": "emails.label/1",
        "E-mail 1 - Value": "emails/1",
        "E-mail 2 - Value": "emails/2",
        "Phone 1 - Value": "phones/1",
        "Address 1 - Formatted": "addresses.whole/1",
        "Address 1 - PO Box": "addresses.street/1",
        "Organization 1 - Name": "company",
        "Organization 1 - Title": "title",
        "Website 1 - Value": "urls/1",
        "Photo": "custom",
    }
    assert {header: found[header] for header in expected} == expected


def test_the_new_headers_of_google() -> None:
    found = by_header(GOOGLE_NEW + "\nAnn" + "," * GOOGLE_NEW.count(",") + "\n")
    expected = {
        "First Name": "given",
        "Last Name": "family",
        "Organization Name": "company",
        "Organization Title": "title",
        "Labels": "labels",
        "E-mail 1 - Label": "emails.label/1",
        "Phone 2 - Value": "phones/2",
        "File As": "custom",
    }
    assert {header: found[header] for header in expected} == expected


@pytest.mark.parametrize("headers", [OUTLOOK_DESKTOP, OUTLOOK_COM])
def test_the_headers_of_outlook(headers: str) -> None:
    found = by_header(headers + "\nDr,Ann" + "," * (headers.count(",") - 1) + "\n")
    expected = {
        "Title": "prefix",
        "First Name": "given",
        "Job Title": "title",
        "Business Street": "addresses.street/1:work",
        "Business City": "addresses.city/1:work",
        "Home City": "addresses.city/2:home",
        "E-mail Address": "emails/1",
        "E-mail 2 Address": "emails/2",
        "E-mail Type": "none",
        "Gender": "custom",
        "Categories": "labels",
    }
    assert {header: found[header] for header in expected if header in found} == {
        header: name for header, name in expected.items() if header in found
    }
    assert {found["Mobile Phone"].split(":")[1], found["Business Phone"].split(":")[1]} == {"mobile", "work"}
    phones = [name for name in found.values() if name.startswith("phones")]
    assert len({name.split(":")[0] for name in phones}) == len(phones)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Name;E-Mail;Phone", ["name.full", "emails/1", "phones/1"]),
        ("first_name\tlastName\tEMAIL", ["given", "family", "emails/1"]),
        ("Name,Work Email,Private Email,Cell", ["name.full", "emails/1:work", "emails/2:home", "phones/1:mobile"]),
        ("Email,Email,Name", ["emails/1", "emails/2", "name.full"]),
        ("Name,Title,Job Title", ["name.full", "custom", "title"]),
        ("Name,Street,City,Zip,Country", [
            "name.full",
            "addresses.street/1",
            "addresses.city/1",
            "addresses.postal_code/1",
            "addresses.country/1",
        ]),
        ("Name,Shoe size,Shoe size", ["name.full", "custom", "custom"]),
        ("Record ID,First Name,Last Name,Email,Phone Number,Associated Company", [
            "custom",
            "given",
            "family",
            "emails/1",
            "phones/1",
            "company",
        ]),
        ("Name", ["name.full"]),
    ],
)  # fmt: skip
def test_plain_headers(header: str, expected: list[str]) -> None:
    mark = next((mark for mark in ";\t" if mark in header), ",")
    assert fields(header + "\n" + mark.join(["x"] * len(expected)) + "\n") == expected


def test_two_columns_of_one_name_have_keys_of_their_own() -> None:
    columns = complete("Name,Shoe size,Shoe size,\nAnn,1,2,3\n").plan.columns or ()
    assert [column.key for column in columns] == [None, "Shoe size", "Shoe size (2)", "Column 4"]


def test_linkedin_has_lines_before_its_header() -> None:
    found = complete(
        'Notes:\n"When exporting your connection data, you may notice, that, some addresses, are missing"\n\n'
        "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
        "Ann,Lee,https://www.linkedin.com/in/ann,,Acme,CEO,15 Jan 2024\n"
    )
    assert (found.plan.preamble, found.plan.header) == (2, 1)
    assert found.contacts == (
        {
            "given": "Ann",
            "family": "Lee",
            "company": "Acme",
            "title": "CEO",
            "urls": [{"value": "https://www.linkedin.com/in/ann", "label": "profile"}],
            "custom": {"Connected On": "15 Jan 2024"},
        },
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Ann Lee,ann@x.com,+44 7911 123456\nBob Day,bob@x.com,+44 7911 123457\n",
            ["name.full", "emails/1", "phones/1"],
        ),
        ("1,Ann,Lee,ann@x.com\n2,Bob,Day,bob@x.com\n", ["none", "given", "family", "emails/1"]),
        ("ann@x.com\nbob@x.com\n", ["emails/1"]),
        ("ann@x.com", ["emails/1"]),
    ],
)
def test_a_file_without_header_is_recognised_by_its_values(text: str, expected: list[str]) -> None:
    found = complete(text)
    assert (found.plan.header, found.plan.signature) == (0, None)
    assert fields(text) == expected
    assert found.columns[0].header == "Column 1"
    assert found.rows == len(text.splitlines())


def test_a_header_that_nobody_knows_stands_out_from_its_values() -> None:
    found = complete("Wer,Anschrift im Netz\nAnn Lee,ann@x.com\nBob Day,bob@x.com\n")
    assert found.plan.header == 1
    assert [(seen.field, seen.samples) for seen in found.columns] == [
        ("custom", ("Ann Lee", "Bob Day")),
        ("emails", ("ann@x.com", "bob@x.com")),
    ]


def test_a_header_only_is_no_error() -> None:
    found = complete("Name,Email\n")
    assert (found.rows, found.contacts, found.problems) == (0, (), ())


def test_the_preview_tells_what_each_column_is_and_why() -> None:
    found = complete("Name,E-mail\nAnn,ann@x.com\nBob,not yet\n,\n")
    name, mail = found.columns
    assert (name.header, name.field, name.samples) == ("Name", "name", ("Ann", "Bob"))
    assert 0 < mail.confidence <= 1
    assert mail.reason
    assert [contact["name"] for contact in found.contacts] == ["Ann"]
    assert [told.code for told in found.problems] == ["email_invalid", "no_identity"]
    assert found.encodings[0].encoding == "utf-8"
    assert found.rows == 3
    assert found.estimated_rows(10 * found.bytes) == 30
    json.dumps(found.contacts)
    msgspec.json.encode((found.columns, found.encodings, found.problems))


def test_a_plan_holds_no_personal_data() -> None:
    text = "Name,Mystery\nAnn Lee,ann@x.com\n"
    assert "ann" not in msgspec.json.encode(complete(text).plan).decode().lower()


def test_a_completed_plan_is_a_plan_and_completes_to_itself() -> None:
    text = "Name;E-Mail;Tags\nAnn;ann@x.com;a,b\n"
    once = complete(text, defaults=Defaults(phone_region="DE", labels=("x",), existing="skip")).plan
    again = complete(text, plans.parse(msgspec.json.encode(once))).plan
    assert again == once
    assert (once.format, once.encoding, once.existing, once.labels) == ("csv", "utf-8", "skip", ("x",))
    assert once.values == Values(phone_region="DE", date_order="dmy")
    assert (once.columns or ())[2].split == ","


def test_what_a_plan_says_is_kept_and_the_rest_is_filled_in() -> None:
    given = Plan(
        header=0,
        existing="overwrite",
        labels=(),
        values=Values(phone_region="GB"),
        columns=(Column(index=1, field="emails", slot=1),),
    )
    plan = complete("Name,Email\nAnn,ann@x.com\n", given, defaults=Defaults(labels=("x",), date_order="ymd")).plan
    assert (plan.header, plan.existing, plan.labels) == (0, "overwrite", ())
    assert plan.values == Values(phone_region="GB", date_order="ymd")
    assert [(column.index, column.field) for column in plan.columns or ()] == [(0, "none"), (1, "emails")]


def test_an_encoding_that_is_given_is_kept_and_everything_else_is_found_anew() -> None:
    head = "Imię;Nazwisko;E-mail\nŁukasz;Żak;a@x.com\n".encode("cp1250")
    for name, given_name in (("cp1250", "Łukasz"), ("latin-1", "£ukasz")):
        found = complete(head, Plan(encoding=name))
        assert found.plan.dialect == Dialect(delimiter=";", quote='"', escape="doubled")
        assert (found.plan.header, found.encodings[0].encoding) == (1, found.plan.encoding)
        assert found.contacts[0]["given" if name == "cp1250" else "custom"] == (
            given_name if name == "cp1250" else {"Imiê": given_name}
        )
        assert ("windows-1250", None) in {(way.encoding, way.repair) for way in found.encodings}


def test_a_repair_is_offered_and_made_on_request() -> None:
    head = "Name;Ort\nJÃ¶rg;KÃ¶ln\n".encode()
    offered = complete(head)
    assert (offered.plan.repair, offered.contacts[0]["name"]) == (None, "JÃ¶rg")
    assert offered.encodings[1] == Encoding(encoding="utf-8", sample="Jörg, Köln", repair="utf-8-read-as-windows-1252")
    mended = complete(head, Plan(repair="utf-8-read-as-windows-1252"))
    assert mended.contacts[0]["name"] == "Jörg"
    assert mended.encodings[0] == offered.encodings[1]
    assert mended.bytes == len(head)


def test_a_signature_is_the_same_in_every_encoding() -> None:
    text = "Prénom;Société\nZoë;Étoile\n"
    signatures = {complete(text.encode(name)).plan.signature for name in ("utf-8", "utf-16", "cp1252", "mac-roman")}
    assert signatures == {plans.signature_of(["Prénom", "Société"])}


def test_what_was_confirmed_for_a_header_is_remembered() -> None:
    text = "Wer,Mail\nAnn,ann@x.com\n"
    signature = plans.signature_of(["Wer", "Mail"])
    kept = (Column(index=0, field="nickname"), Column(index=1, field="emails", slot=1))

    def remembered(asked: str) -> tuple[Column, ...] | None:
        return kept if asked == signature else None

    plan = complete(text, remembered=remembered).plan
    assert [column.field for column in plan.columns or ()] == ["nickname", "emails"]
    mended = complete(
        "Wer,Mail,addressbus:line,addressbus:code,addressbus:message\nAnn,ann@x.com,1,x,y\n", remembered=remembered
    ).plan
    assert [column.field for column in mended.columns or ()] == ["nickname", "emails", "none", "none", "none"]


def test_a_signature_ignores_case_blanks_and_the_form_of_accents() -> None:
    assert plans.signature_of(["Prénom ", "E-MAIL"]) == plans.signature_of([" PRE\u0301NOM", "e-mail"])
    assert plans.signature_of(["a", "b"]) != plans.signature_of(["b", "a"])


@pytest.mark.parametrize(
    ("birthdays", "region", "expected"),
    [
        (["13.02.1990"], None, "dmy"),
        (["02/13/1990"], "GB", "mdy"),
        (["13/02/1990"], "US", "dmy"),
        (["01/02/1990"], "US", "mdy"),
        (["01/02/1990"], "GB", "dmy"),
        (["01/02/1990"], None, "mdy"),
        (["01.02.1990"], None, "dmy"),
        (["1990-02-01"], None, "dmy"),
    ],
)
def test_the_order_of_dates_is_found_in_the_sample(birthdays: list[str], region: str | None, expected: str) -> None:
    text = "Name,Birthday\n" + "".join(f"Ann,{birthday}\n" for birthday in birthdays)
    found = complete(text, defaults=Defaults(phone_region=region)).plan.values
    assert found is not None
    assert found.date_order == expected


# --- refusing files


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\r\n \n\n", "empty"),
        (b"%PDF-1.7", "unsupported_type"),
        (b"\x89PNG\r\n\x1a\n", "unsupported_type"),
        (b"\x1f\x8b\x08", "unsupported_type"),
        (b"PK\x03\x04", "unsupported_type"),
        (b"\n<!doctype html><html>", "unsupported_type"),
        (b"\xef\xbb\xbfbegin:vcard\r\n", "nothing_recognised"),
        (b"a,b\n1,2\n", "nothing_recognised"),
        (b"x", "nothing_recognised"),
        (b"This is a letter,\nnot a list of people.\nYours\n", "nothing_recognised"),
        (b"Shoe size,City\n1,Leeds\n", "nothing_recognised"),
        ("\r\n \n".encode("utf-16"), "empty"),
        (b"\x01\x02\x03\x04\xff" * 400, "unsupported_type"),
        (b"Name" + b",x" * 500 + b"\n", "too_many_columns"),
        (b"," * 200_000, "too_many_columns"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_reason(data: bytes, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        complete(data)
    assert refused.value.code == code
    assert refused.value.detail.endswith(".")


def test_a_character_cut_at_the_end_of_the_head_is_no_error() -> None:
    head = "Name,Mail\nJosé".encode()[:-1]
    assert complete(head, whole=False).plan.encoding == "utf-8"


def test_a_head_without_any_line_end_is_no_list_of_people() -> None:
    with pytest.raises(Rejected, match="No row ends within the first 256 KB"):
        complete("Name,Email," + "x" * 262_133, whole=False)


def test_a_file_that_does_not_fit_its_plan_is_told_by_its_first_other_header() -> None:
    plan = complete("Name,Email,City\nAnn,ann@x.com,Leeds\n").plan
    with pytest.raises(Rejected) as refused:
        complete("Name,Mail,City\nAnn,ann@x.com,Leeds\n", plan)
    assert refused.value.code == "plan_mismatch"
    assert refused.value.extra["header"] == "Mail"
    assert "“Mail”" in refused.value.detail
    assert "“Email”" in refused.value.detail
    with pytest.raises(Rejected, match="plan_mismatch"):
        complete("Name,Email\nAnn,ann@x.com\n", plan)
    with pytest.raises(Rejected, match="plan_mismatch"):
        complete("Name,Email,City,Zip\nAnn,ann@x.com,Leeds,1\n", plan)


@pytest.mark.parametrize(
    "given",
    [
        Plan(format="vcard"),
        Plan(encoding="klingon"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(given: Plan) -> None:
    with pytest.raises(Rejected):
        complete("Name\nAnn\n", given)


@settings(max_examples=80)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.sampled_from(
                ["Name", "Email", ",", ";", "\t", '"', "\n", "\r", "a@x.com", "1/2/1990", "é", "\x00", "'"]
            ),
            max_size=60,
        ).map(lambda pieces: "".join(pieces).encode()),
    ),
    st.booleans(),
)
def test_any_head_is_understood_or_refused(head: bytes, whole: bool) -> None:
    try:
        found = complete(head, whole=whole)
    except Rejected:
        return
    assert plans.parse(msgspec.json.encode(found.plan)) == found.plan
    assert found.plan.columns is not None
    assert len(found.columns) == len(found.plan.columns)


@pytest.mark.parametrize(
    "text",
    [
        OUTLOOK_DESKTOP + "\n" + ("x," * 40 + "\n") * 3_000,
        "Name,Email\n" + "Ann Lee,ann@example.com\n" * 11_000,
        '"a",' * 60_000,
        '"\n' * 120_000,
        "a;b,c\td\n" * 30_000,
    ],
    ids=["outlook", "plain", "one line", "quotes", "mixed"],
)
def test_a_head_of_256_kb_is_understood_in_a_moment(text: str) -> None:
    head = text.encode()[: 256 * 1024]
    started = time.process_time()
    try:
        complete(head, whole=False)
    except Rejected as refused:
        assert refused.code in {"nothing_recognised", "too_many_columns"}  # noqa: PT017
    assert time.process_time() - started < 1.0


# --- what a client's plan may say


def test_the_example_and_small_plans_are_plans() -> None:
    example = {
        "version": 1, "format": "csv", "encoding": "windows-1252", "repair": None,
        "dialect": {"delimiter": ";", "quote": '"', "escape": "doubled", "trim": False},
        "sheet": None, "preamble": 0, "header": 1, "signature": "9f2c41d07be35a6688aa01b2c3d4e5f6",
        "columns": [
            {"index": 0, "header": "Vorname", "field": "given"},
            {"index": 2, "header": "E-Mail-Adresse", "field": "emails", "slot": 1, "part": "value", "label": "work"},
            {"index": 3, "field": "addresses", "slot": 1, "part": "street", "label": "work"},
            {"index": 4, "header": "Kategorien", "field": "labels", "split": ";"},
            {"index": 5, "header": "Kundennummer", "field": "custom", "key": "Kundennummer"},
            {"index": 6, "field": "none"},
        ],
        "values": {"phone_region": "DE", "date_order": "dmy"}, "existing": "fill", "labels": ["Messe 2026"],
    }  # fmt: skip
    assert plans.parse(example).labels == ("Messe 2026",)
    assert plans.parse(b"{}") == Plan()
    assert plans.parse({"existing": "skip"}).existing == "skip"


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        (b"[]", ""),
        (b"{", ""),
        (b"[" * 100_000, None),
        ({"version": 2}, "/version"),
        ({"colour": 1}, ""),
        ({"format": None}, "/format"),
        ({"format": "pdf"}, "/format"),
        ({"encoding": "x" * 33}, "/encoding"),
        ({"dialect": {"delimiter": "x", "quote": '"', "escape": "doubled"}}, "/dialect/delimiter"),
        ({"dialect": {"delimiter": ","}}, "/dialect"),
        ({"preamble": 51}, "/preamble"),
        ({"header": -1}, "/header"),
        ({"header": True}, "/header"),
        ({"signature": "xyz"}, "/signature"),
        ({"columns": {}}, "/columns"),
        ({"columns": [{"index": 0}]}, "/columns/0"),
        ({"columns": [{"index": 0, "field": "given"}, {"index": 500, "field": "none"}]}, "/columns/1/index"),
        ({"columns": [{"index": 0, "field": "given"}, {"index": 0, "field": "none"}]}, "/columns/1/index"),
        ({"columns": [{"index": 0, "field": "telephone"}]}, "/columns/0/field"),
        ({"columns": [{"index": 0, "field": "custom"}]}, "/columns/0/key"),
        ({"columns": [{"index": 0, "field": "given", "key": "x"}]}, "/columns/0/key"),
        ({"columns": [{"index": 0, "field": "emails"}]}, "/columns/0/slot"),
        ({"columns": [{"index": 0, "field": "emails", "slot": 0}]}, "/columns/0/slot"),
        ({"columns": [{"index": 0, "field": "emails", "slot": 1, "part": "street"}]}, "/columns/0/part"),
        ({"columns": [{"index": 0, "field": "addresses", "slot": 1}]}, "/columns/0/part"),
        ({"columns": [{"index": 0, "field": "name"}]}, "/columns/0/part"),
        ({"columns": [{"index": 0, "field": "birthday", "part": "full"}]}, "/columns/0/part"),
        ({"columns": [{"index": 0, "field": "given", "part": "value"}]}, "/columns/0/part"),
        ({"columns": [{"index": 0, "field": "notes", "slot": 1}]}, "/columns/0/slot"),
        ({"columns": [{"index": 0, "field": "labels", "split": ""}]}, "/columns/0/split"),
        ({"columns": [{"index": 0, "field": "given", "header": None}]}, "/columns/0/header"),
        ({"columns": [{"index": n, "field": "none"} for n in range(501)]}, "/columns"),
        ({"values": {"phone_region": "de"}}, "/values/phone_region"),
        ({"values": {"date_order": None}}, "/values/date_order"),
        ({"existing": "merge"}, "/existing"),
        ({"labels": ["a", "a"]}, "/labels"),
        ({"labels": [""]}, "/labels/0"),
        ({"labels": [1]}, "/labels/0"),
    ],
)
def test_a_wrong_plan_is_refused_where_it_is_wrong(plan: bytes | dict[str, Any], pointer: str | None) -> None:
    with pytest.raises(Rejected) as refused:
        plans.parse(plan)
    if pointer is not None:
        assert (refused.value.code, refused.value.extra["pointer"]) == ("plan_invalid", pointer)


def test_a_plan_has_at_most_64_kb() -> None:
    big = {"columns": [{"index": n, "field": "none", "header": "x" * 190} for n in range(400)]}
    for raw in (big, json.dumps(big).encode()):
        with pytest.raises(Rejected, match="plan_too_large"):
            plans.parse(raw)
