"""What a stack keeps on its disk, in bytes: of each topic the log, of each schema the tables and their indexes."""

from collections import Counter
from collections.abc import Mapping

import psycopg

from app.stack.whole import Whole

_SCHEMAS = """
    select n.nspname, sum(pg_total_relation_size(c.oid))::bigint
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema)'
    group by 1"""


def topics(stack: Whole) -> Mapping[str, int]:
    """Bytes of each topic's records as they lie there, compressed, all partitions of one copy together."""
    found: Counter[str] = Counter()
    for folder in (stack.data_dir / "servers").resolve().glob("kafka/data/*-*"):
        found[folder.name.rpartition("-")[0]] += sum(path.stat().st_size for path in folder.glob("*.log"))
    return found


def schemas(stack: Whole) -> Mapping[str, int]:
    """Bytes of each schema."""
    with psycopg.connect(stack.facts()["postgres"]["admin"]) as connection:
        rows: list[tuple[str, int]] = connection.execute(_SCHEMAS).fetchall()
    return Counter(dict(rows))


def more(before: Mapping[str, int], after: Mapping[str, int], rows: int) -> dict[str, float]:
    """What came, for each row."""
    return {
        name: round((size - before.get(name, 0)) / rows, 1)
        for name, size in after.items()
        if size > before.get(name, 0)
    }
