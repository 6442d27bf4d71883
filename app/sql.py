"""PostgreSQL for everybody: pools, the tenant of a transaction, translated errors, migrations.

`python -m app.sql` creates roles and schemas and brings each to its newest version; it needs DATABASE_URL (an
administrator) and the password of each role in DATABASE_PASSWORD_<ROLE>.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from prometheus_client import Histogram
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from app import trace
from app.core.errors import TryAgain

Connection = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]
ROOT = Path(__file__).resolve().parent.parent
TRANSACTION = Histogram(
    "addressbus_database_seconds",
    "Time of each transaction, its begin and its end included",
    ["role"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)

# The world's fault: the same statement may succeed later.
_TEMPORARY = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
    psycopg.errors.InsufficientResources,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.TransactionTimeout,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
)


@dataclass(frozen=True, slots=True)
class Service:
    """One schema, one role that owns and alone writes it, and roles that may read it.

    In a schema `beside` it, which only the owner enters, the same can be built anew while it serves.
    """

    schema: str
    role: str
    folder: Path
    readers: tuple[str, ...] = ()
    beside: str | None = None


SERVICES = (
    Service("contacts", "importer", ROOT / "workers/importer/schema"),
    Service("lookup", "projector", ROOT / "workers/projector/schema", ("lookup_reader",), beside="lookup_beside"),
    Service("web", "web", ROOT / "app/web/schema"),
    Service("jobs", "jobs", ROOT / "app/jobs/schema"),
    Service("connections", "connections", ROOT / "app/connections/schema"),
    Service("fetch", "fetcher", ROOT / "workers/fetcher/schema"),
)
ROLES = (*(service.role for service in SERVICES), "lookup_reader")


class StaleSchema(Exception):
    """The database is older than this code: `python -m app.sql` mends it."""


def make_pool(
    dsn: str,
    name: str,
    *,
    size: int = 4,
    settings: Mapping[str, str] = {},
    configure: Callable[[Connection], Awaitable[None]] | None = None,
    checked: bool = True,
) -> Pool:
    """A closed pool; `await pool.open()` in the process's main. Server restarts are survived.

    `settings` are server parameters of each connection, `configure` makes each new one ready. Whoever repeats what
    raised TryAgain anyway needs none of them `checked` before each use, which costs a round trip.
    """
    return AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=size,
        open=False,
        timeout=10,
        check=AsyncConnectionPool.check_connection if checked else None,
        configure=configure,
        kwargs={
            **({"options": " ".join(f"-c {key}={value}" for key, value in settings.items())} if settings else {}),
            "application_name": name,
            "connect_timeout": 10,
            "keepalives_idle": 10,
            "tcp_user_timeout": 10_000,
        },
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors that are the world's fault into TryAgain."""
    try:
        yield
    except _TEMPORARY as error:
        raise TryAgain(f"PostgreSQL: {type(error).__name__}: {error}") from error


@asynccontextmanager
async def tenant(pool: Pool, workspace: UUID) -> AsyncIterator[Connection]:
    """A transaction in which row-level security shows one workspace only. Raises TryAgain."""
    with translated():
        async with pool.connection() as connection, _measured(connection), connection.transaction():
            await connection.execute("select set_config('app.workspace', %s, true)", [str(workspace)])
            yield connection


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction without a tenant. Raises TryAgain."""
    with translated():
        async with pool.connection() as connection, _measured(connection), connection.transaction():
            yield connection


@asynccontextmanager
async def _measured(connection: Connection) -> AsyncIterator[None]:
    role = connection.info.user
    said = {"db.system.name": "postgresql", "db.user": role}
    with TRANSACTION.labels(role).time(), trace.span("transaction", "client", said):
        yield


def migrations(service: Service) -> list[tuple[int, Path]]:
    """The numbered files of a service's schema, in order."""
    return sorted((int(path.name.split("_")[0]), path) for path in service.folder.glob("[0-9]*_*.sql"))


async def check_schema(pool: Pool, schema: str) -> None:
    """Refuses to work on a schema older than this code. Raises StaleSchema, TryAgain."""
    service = next(service for service in SERVICES if service.schema == schema)
    newest = max((number for number, _ in migrations(service)), default=0)
    try:
        async with transaction(pool) as connection:
            cursor = await connection.execute(
                sql.SQL("select coalesce(max(version), 0) from {}.migrations").format(sql.Identifier(schema))
            )
            row = await cursor.fetchone()
    except psycopg.errors.UndefinedTable:
        row = None
    have = row[0] if row else 0
    if have < newest:
        raise StaleSchema(f"schema {schema} is at {have}, this code needs {newest}: run python -m app.sql")


def migrate(admin_dsn: str, passwords: Mapping[str, str]) -> None:
    """Creates roles and schemas and applies what is missing, each file in a transaction with its version."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('addressbus.migrate'))")
        database = connection.info.dbname
        connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))
        for role in ROLES:
            _ensure_role(connection, database, role, passwords[role])
        for service in SERVICES:
            _ensure_schema(connection, service)
            _apply(connection, service)


def _ensure_role(connection: psycopg.Connection[TupleRow], database: str, role: str, password: str) -> None:
    found = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
    verb = "alter" if found else "create"
    connection.execute(
        sql.SQL(verb + " role {} login nosuperuser nobypassrls password {}").format(
            sql.Identifier(role), sql.Literal(password)
        )
    )
    connection.execute(
        sql.SQL("grant connect, temporary on database {} to {}").format(sql.Identifier(database), sql.Identifier(role))
    )


def _ensure_schema(connection: psycopg.Connection[TupleRow], service: Service) -> None:
    schema, role = sql.Identifier(service.schema), sql.Identifier(service.role)
    connection.execute(sql.SQL("grant {} to current_user").format(role))
    for each in filter(None, (service.schema, service.beside)):
        made = sql.SQL("create schema if not exists {} authorization {}").format(sql.Identifier(each), role)
        connection.execute(made)
    connection.execute(
        sql.SQL(
            "create table if not exists {}.migrations"
            " (version int primary key, name text not null, applied_at timestamptz not null default now())"
        ).format(schema)
    )
    connection.execute(sql.SQL("alter table {}.migrations owner to {}").format(schema, role))
    for reader in service.readers:
        name = sql.Identifier(reader)
        connection.execute(sql.SQL("grant usage on schema {} to {}").format(schema, name))
        connection.execute(
            sql.SQL("alter default privileges for role {} in schema {} grant select on tables to {}").format(
                role, schema, name
            )
        )
        connection.execute(sql.SQL("grant select on {}.migrations to {}").format(schema, name))


def _apply(connection: psycopg.Connection[TupleRow], service: Service) -> None:
    schema = sql.Identifier(service.schema)
    rows = connection.execute(sql.SQL("select version from {}.migrations").format(schema)).fetchall()
    have = {row[0] for row in rows}
    for number, path in migrations(service):
        if number in have:
            continue
        with connection.transaction():
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(service.role)))
            connection.execute(sql.SQL("set local search_path to {}").format(schema))
            connection.execute(path.read_bytes())
            connection.execute(
                sql.SQL("insert into {}.migrations (version, name) values (%s, %s)").format(schema),
                [number, path.name],
            )


def main() -> None:
    try:
        passwords = {role: os.environ[f"DATABASE_PASSWORD_{role.upper()}"] for role in ROLES}
        migrate(os.environ["DATABASE_URL"], passwords)
    except KeyError as error:
        print(f"addressbus: {error.args[0]} is missing (see .env.example)", file=sys.stderr)
        raise SystemExit(2) from error
    except psycopg.OperationalError as error:
        print(f"addressbus: PostgreSQL cannot be reached: {error}", file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
