"""What the machine can do at most: the same rows copied straight into an empty clone of the table."""

import time
from uuid import UUID

import psycopg
from psycopg import sql


def copy_rate(admin_dsn: str, workspace: UUID) -> tuple[int, float]:
    """Rows and seconds of a binary COPY of a workspace's contacts into `like contacts including all`."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute("drop table if exists contacts.bench_copy")
        connection.execute("create table contacts.bench_copy (like contacts.contacts including all)")
        query = sql.SQL("select * from contacts.contacts where workspace = {}").format(sql.Literal(workspace))
        buffers: list[bytes] = []
        with connection.cursor() as cursor:
            with cursor.copy(sql.SQL("copy ({}) to stdout (format binary)").format(query)) as out:
                buffers.extend(bytes(piece) for piece in out)
            started = time.perf_counter()
            with cursor.copy("copy contacts.bench_copy from stdin (format binary)") as into:
                for start in range(0, len(buffers), 2000):
                    into.write(b"".join(buffers[start : start + 2000]))
            seconds = time.perf_counter() - started
            rows = cursor.execute("select count(*) from contacts.bench_copy").fetchone()
        connection.execute("drop table contacts.bench_copy")
    return int(rows[0]) if rows else 0, seconds
