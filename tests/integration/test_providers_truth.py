"""The simulator's own honesty: bodies as Google publishes them, an oracle that agrees, nothing of the product."""

import ast
import csv
import io
import json
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.providers import GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET, SECRETS
from tests.providers.app import build
from tests.providers.compare import differences, unmatched
from tests.providers.faults import Faults
from tests.providers.google_shape import FIELDS
from tests.providers.plans import plan
from tests.providers.running import GOOGLE_SCOPES, REDIRECT, Simulator, running
from tests.providers.world import World

OTHERS = "https://www.googleapis.com/auth/contacts.other.readonly"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running() as started:
        yield started


def discovery() -> dict[str, Any]:
    text = (files("googleapiclient") / "discovery_cache/documents/people.v1.json").read_text()
    document: dict[str, Any] = json.loads(text)
    return document


def faults_of(value: Any, schema: dict[str, Any], schemas: dict[str, Any], at: str) -> Iterator[str]:
    """Where a JSON value is not what a discovery schema says."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kinds: dict[str, type | tuple[type, ...]] = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}
    kind = schema["type"]
    if kind == "object":
        for name, inner in value.items():
            if name not in schema["properties"]:
                yield f"{at}.{name} is unknown"
            else:
                yield from faults_of(inner, schema["properties"][name], schemas, f"{at}.{name}")
    elif kind == "array":
        for index, inner in enumerate(value):
            yield from faults_of(inner, schema["items"], schemas, f"{at}[{index}]")
    elif not isinstance(value, kinds[kind]) or (kind == "integer" and isinstance(value, bool)):
        yield f"{at} is no {kind}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value} is none of {schema['enum']}"


@pytest.mark.parametrize(
    ("account", "path", "schema"),
    [
        (
            "ada@google.example",
            f"/v1/people/me/connections?pageSize=1000&personFields={','.join(sorted(FIELDS))}",
            "Connections",
        ),
        (
            "odd@google.example",
            f"/v1/people/me/connections?pageSize=1000&personFields={','.join(sorted(FIELDS))}",
            "Connections",
        ),
        ("odd@google.example", "/v1/contactGroups?pageSize=1000", "ContactGroups"),
        (
            "ada@google.example",
            "/v1/otherContacts?readMask=names,emailAddresses,phoneNumbers,metadata",
            "OtherContacts",
        ),
    ],
)
def test_googles_bodies_are_what_its_discovery_document_says(
    simulator: Simulator, account: str, path: str, schema: str
) -> None:
    schemas = discovery()["schemas"]
    body = simulator.http.get(path, headers=simulator.bearer(account, (*GOOGLE_SCOPES, OTHERS))).json()
    assert list(faults_of(body, schemas[f"List{schema}Response"], schemas, "")) == []


def test_the_check_against_the_discovery_document_finds_what_is_wrong() -> None:
    schemas = discovery()["schemas"]
    wrong = {"names": [{"displayName": 3, "shoeSize": 1}], "photos": [{"default": "yes"}]}
    assert len(list(faults_of(wrong, schemas["Person"], schemas, ""))) == 3


async def transcript(seed: int) -> list[tuple[int, bytes]]:
    """Some requests to a simulator whose clock stands still."""
    world = World(seed, "http://canary.example")
    world.clock.freeze(1_800_000_000)
    ada, found = "ada@google.example", []
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build(world)), base_url="http://simulated.example"
    ) as http:
        query = {"client_id": GOOGLE_CLIENT_ID, "redirect_uri": REDIRECT, "response_type": "code", "nonce": "n"}
        form = {"account": ada, "decision": "allow", "scope": list(GOOGLE_SCOPES)}
        agreed = await http.post("/o/oauth2/v2/auth", params={**query, "scope": " ".join(GOOGLE_SCOPES)}, data=form)
        client = {"client_id": GOOGLE_CLIENT_ID, "client_secret": GOOGLE_CLIENT_SECRET, "redirect_uri": REDIRECT}
        code = httpx.URL(agreed.headers["location"]).params["code"]
        token = await http.post("/token", data={**client, "grant_type": "authorization_code", "code": code})
        found.append((token.status_code, token.content))
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        for path in ("/v1/people/me/connections?personFields=names,metadata", "/v1/contactGroups", "/v1/nowhere"):
            page = await http.get(path, headers=headers)
            found.append((page.status_code, page.content))
    return found


async def test_the_same_seed_and_requests_give_the_same_bytes() -> None:
    first = await transcript(7)
    assert await transcript(7) == first
    assert await transcript(8) != first


def imported_roots() -> Iterator[tuple[str, str]]:
    """(file, package) of all that the simulator imports."""
    for path in (Path(__file__).parents[1] / "providers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path.name} imports from a place that cannot be told"
                names = [node.module or ""]
            yield from ((path.name, ".".join(name.split(".")[:2])) for name in names)


def test_the_simulator_shares_nothing_with_the_product_and_needs_nothing_but_what_runs_it() -> None:
    installed = {"cryptography", "httpx", "msgspec", "starlette", "uvicorn", "uvloop"}
    strangers = {
        (path, name)
        for path, name in imported_roots()
        if (root := name.partition(".")[0]) not in sys.stdlib_module_names | installed
        and (root != "tests" or not name.startswith("tests.providers"))
    }
    assert strangers == set()


@pytest.mark.parametrize("account", ["many-001@google.example", "many-001@outlook.example"])
def test_a_fault_plan_is_the_same_for_everybody_and_can_be_played(account: str) -> None:
    plans = [plan(number, account) for number in range(200)]
    assert plans == [plan(number, account) for number in range(200)]
    scripted = Faults()
    for faults in plans:
        for fault in faults:
            scripted.add(fault)
    assert len({fault.kind for fault in scripted.scripted}) >= 14


def test_an_account_of_any_size_can_be_had(simulator: Simulator) -> None:
    assert len(simulator.expected("size-1234@google.example")) == 1_234


def test_the_oracle_counts_who_is_there(simulator: Simulator) -> None:
    sizes = {
        "empty@google.example": 0,
        "three@google.example": 3,
        "ada@google.example": 3_000,
        "many-400@google.example": 30,
    }
    for account, size in sizes.items():
        assert len(simulator.expected(account)) == size
    assert len(simulator.expected("grace@outlook.example")) == 25_000


def test_people_shared_by_two_accounts_and_a_file_are_one(simulator: Simulator) -> None:
    people = simulator.expected("ada@google.example", "grace@outlook.example", csv="1500-2500")
    assert len(people) == 27_000
    assert sum(len(one["accounts"]) == 3 for one in people) == 500
    rows = list(csv.reader(io.StringIO(simulator.http.get("/admin/people.csv").text)))
    assert len(rows) == 1_001
    assert {len(row) for row in rows} == {8}


def test_what_shared_people_say_of_themselves_agrees(simulator: Simulator) -> None:
    ada = {one["contact"]["emails"][0]["value"]: one["contact"] for one in simulator.expected("ada@google.example")}
    grace = [one["contact"] for one in simulator.expected("grace@outlook.example")]
    shared = [(ada[one["emails"][0]["value"]], one) for one in grace if one["emails"][0]["value"] in ada]
    assert len(shared) == 1_000
    for first, second in shared:
        for field in ("name", "given", "family", "company", "title", "notes", "birthday"):
            assert first.get(field) == second.get(field)


def test_every_field_of_a_contact_occurs(simulator: Simulator) -> None:
    fields = {field for one in simulator.expected("ada@google.example") for field in one["contact"]}
    assert fields == set(
        "name prefix given middle family suffix nickname emails phones addresses company department title birthday "
        "urls notes labels".split()
    )


def test_no_contact_looks_like_a_secret(simulator: Simulator) -> None:
    for account in ("ada@google.example", "odd@google.example", "odd@outlook.example", "many-001@outlook.example"):
        text = json.dumps(simulator.expected(account))
        assert not any(secret in text for secret in SECRETS)


def test_the_comparison_finds_what_is_wrong_missing_or_too_much() -> None:
    right = {
        "name": "Ann Bell",
        "emails": [{"value": "ann@example.com", "label": "home"}],
        "phones": [{"raw": "030 1", "label": "work"}],
        "labels": ["A"],
        "notes": "one\ntwo",
    }
    shown = {
        **right,
        "notes": "one two",
        "phones": [{"raw": "030 1", "value": "+49301", "label": "work"}],
        "labels": ["B", "A"],
    }
    assert differences(right, shown) == []
    assert len(differences(right, {**shown, "name": "Ann", "labels": []})) == 2
    assert len(differences(right, {**shown, "emails": [{"value": "ann@example.com", "label": "work"}]})) == 1
    assert differences(right, {**shown, "emails": [{"value": "ann@example.com", "label": "x"}]}, labels=False) == []
    people = [{"ids": ["1"], "contact": right}, {"ids": ["2"], "contact": {"company": "Quiet"}}]
    assert unmatched(people, [shown, {"company": "Quiet"}]) == []
    assert len(unmatched(people, [shown])) == 1
    assert len(unmatched(people, [shown, {"company": "Quiet"}, {"name": "Extra"}])) == 1
