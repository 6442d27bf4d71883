"""What docs/production.md says of Citus and Redis Cluster: the keys are ready, and it names the tables that are not."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from redis.crc import key_slot

from app import sql
from app.gateway import cache

ROOT = Path(__file__).resolve().parents[2]
_TABLE = re.compile(r"^create table (\w+) \((.*?)^\)", re.MULTILINE | re.DOTALL)
_KEY = re.compile(r"primary key \((\w+)|^\s*(\w+) [^,\n]*primary key", re.MULTILINE)
_UNIQUE = re.compile(r"^\s*unique \((\w+)", re.MULTILINE)
DISTRIBUTED = ("contacts", "lookup", "jobs", "fetch")
"""Schemas whose tables spread by workspace; the others are small and stay on one node."""


def tables() -> list[tuple[str, str, str]]:
    """(schema, table, what stands between its brackets)."""
    return [
        (service.schema, name, body)
        for service in sql.SERVICES
        for _, path in sql.migrations(service)
        for name, body in _TABLE.findall(path.read_text())
    ]


@pytest.mark.parametrize(("schema", "table", "body"), [one for one in tables() if one[0] in DISTRIBUTED])
def test_a_table_that_grows_is_keyed_by_workspace_first(schema: str, table: str, body: str) -> None:
    found = _KEY.search(body)
    assert found, f"{schema}.{table} has no primary key"
    assert (found[1] or found[2]) == "workspace"
    assert set(_UNIQUE.findall(body)) <= {"workspace"}, "uniqueness ends at the border of a shard"
    assert "references" not in body
    assert not re.search(r"\b(big)?serial\b|as identity", body)


def test_the_schemas_that_stay_together_are_named() -> None:
    text = (ROOT / "docs" / "production.md").read_text()
    for schema in {schema for schema, _, _ in tables()}:
        assert f"`{schema}`" in text


def test_what_one_script_touches_lies_in_one_slot_of_a_redis_cluster() -> None:
    names = [cache.room_name(uuid4(), channel) for channel in ("workspace", uuid4().hex, "a{b}c")]
    for name in names:
        assert key_slot(cache._hash(name).encode()) == key_slot(cache._stream(name).encode())
    assert len({key_slot(cache._hash(name).encode()) for name in names}) > 1, "and rooms spread over slots"
