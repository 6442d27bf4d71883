"""A person is erased: their contact becomes a mark without anything in it, and older rows cannot fill it again.

The mark is a deletion with a position: what is below it writes nothing, what is above revives, as somebody new. Under
another of their e-mail addresses an older row would be another contact, so keyed hashes of all of them stay, each with
an order second. Only segments that are not younger than the latest erasure of their workspace are held against them.
"""

import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence, Set
from typing import NamedTuple
from uuid import UUID

import msgspec

from app import sql
from app.bus import Producer
from app.core.contacts import SCALARS, Mark, fold_email
from app.core.events import NO_IMPORT, EraseContact, MalformedEvent, ProblemOut
from app.core.positions import MAX_INDEX, MAX_ROW, position
from app.core.reading.blocks import Block
from app.core.reading.segments import Reading
from app.core.topics import CHANGED
from app.sealing import Rewrapping, Vault
from workers.harness import Record
from workers.importer import results

log = logging.getLogger(__name__)
ERASED = "x:"
"""Begins what stands in place of the match key of somebody erased; no match key of a row does."""

_NEVER = 2**63 - 1
"""Whoever comes after an erasure is new, also to an import that skips whom it finds."""

_command = msgspec.json.Decoder(EraseContact)
_marks = msgspec.json.Decoder(dict[str, Mark])


class Erased(NamedTuple):
    """The mark that is left of a contact."""

    id: UUID
    version: int
    at: float


class Erasures:
    """What the database keeps of erasures. Methods raise TryAgain."""

    def __init__(self, pool: sql.Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault

    async def erase(self, workspace: UUID, contact: UUID) -> Erased | None:
        """Empties a contact for good; once more it is only told again. None: there is no such contact."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute(
                "select match_key, sets::text, version, extract(epoch from updated_at)::float8 from contacts.contacts"
                " where workspace = %s and contact_id = %s for update",
                [workspace, contact],
            )
            row = await cursor.fetchone()
            if row is None:
                return None
            key, sets, version, at = row
            if key.startswith(ERASED):
                return Erased(contact, version, at)
            pepper = await self._pepper(connection, workspace)
            second = await _second(connection, workspace)
            hashes = [_hash(pepper, each) for each in _keys(key, _marks.decode(sets))]
            await connection.execute(
                "insert into contacts.erasures as e (workspace, hash, second)"
                " select %s, hash, %s from unnest(%s::bytea[]) as hash order by hash"
                " on conflict (workspace, hash) do update set second = greatest(e.second, excluded.second)",
                [workspace, second, hashes],
            )
            await connection.execute(
                "delete from contacts.links where workspace = %s and contact_id = %s", [workspace, contact]
            )
            cursor = await connection.execute(
                _EMPTY,
                {
                    "workspace": workspace,
                    "contact": contact,
                    "key": ERASED + _hash(pepper, key).hex(),
                    "deletion": position(second, MAX_INDEX, MAX_ROW),
                },
            )
            emptied = await cursor.fetchone()
            assert emptied is not None, "its row is locked"
            return Erased(contact, *emptied)

    async def erased(self, workspace: UUID, second: int, keys: Iterable[str]) -> set[str]:
        """Those of these match keys that rows of an import of this order second must not bring back."""
        async with sql.transaction(self._pool) as connection:
            pepper = await self._pepper(connection, workspace)
            hashes = {_hash(pepper, key): key for key in keys}
            cursor = await connection.execute(
                "select hash from contacts.erasures where workspace = %s and second >= %s and hash = any(%s::bytea[])",
                [workspace, second, list(hashes)],
            )
            return {hashes[bytes(found)] for (found,) in await cursor.fetchall()}

    async def rewrap(self, rewrapping: Rewrapping) -> None:
        """Seals the key of every workspace's hashes under the first key."""
        async with sql.transaction(self._pool) as connection:
            cursor = await connection.execute("select workspace, sealed from contacts.peppers for update")
            for workspace, sealed in await cursor.fetchall():
                await connection.execute(
                    "update contacts.peppers set sealed = coalesce(%s, sealed) where workspace = %s",
                    [rewrapping.take(sealed, _about(workspace)), workspace],
                )

    async def _pepper(self, connection: sql.Connection, workspace: UUID) -> bytes:
        about = _about(workspace)
        new = self._vault.seal(secrets.token_bytes(32), about)
        await connection.execute(
            "insert into contacts.peppers (workspace, sealed) values (%s, %s) on conflict do nothing", [workspace, new]
        )
        cursor = await connection.execute("select sealed from contacts.peppers where workspace = %s", [workspace])
        row = await cursor.fetchone()
        assert row is not None, "it was made just now, if it was not there"
        return self._vault.open(row[0], about)


class Erasing:
    """Handles `contacts.commands`."""

    def __init__(
        self, erasures: Erasures, producer: Producer, site: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._erasures = erasures
        self._producer = producer
        self._site = site
        self._clock = clock

    async def handle(self, record: Record) -> None:
        """Erases a contact and tells it. Raises TryAgain, MalformedEvent."""
        try:
            command = _command.decode(record.value or b"")
        except msgspec.DecodeError as error:
            raise MalformedEvent(str(error)) from error
        erased = await self._erasures.erase(command.workspace, command.contact)
        if erased is None:
            return
        told = {"id": str(erased.id), "version": erased.version, "updated_at": erased.at, "deleted": True}
        for value in results.again(
            command.workspace, self._site, [msgspec.json.encode(told)], self._clock(), erased=(erased.id,)
        ):
            await self._producer.publish(CHANGED, key=str(NO_IMPORT).encode(), value=value)
        log.info("a contact was erased", extra={"workspace": str(command.workspace), "contact": str(erased.id)})


class Spared(NamedTuple):
    """A segment without the rows of people who were erased (`passed` of them), and the problems that may be told."""

    block: Block | None
    reading: Reading
    passed: int
    problems: list[ProblemOut]


def spared(block: Block | None, reading: Reading, keys: Set[str]) -> Spared:
    """Leaves out the rows of these match keys, and does not tell the rejected ones that name such an address."""
    left = {person.row for person in reading.people if person.match_key in keys}
    people = [person for person in reading.people if person.row not in left]
    links = tuple(link for link in reading.links if link.row not in left)
    passed = len(left)
    if block is not None:
        kept = [key not in keys for key in block.keys()]  # noqa: SIM118  # a Block is no dict
        passed += len(kept) - sum(kept)
        block = None if not any(kept) else block if all(kept) else block.only(kept)
    problems = [problem for problem in reading.problems if keys.isdisjoint(map(_address, problem.cells))]
    return Spared(block, reading._replace(people=people, links=links), passed, problems)


def keys_of(block: Block | None, reading: Reading) -> set[str]:
    """The match keys of a segment's rows, and those that cells of its rejected rows may be."""
    found = {person.match_key for person in reading.people}
    for problem in reading.problems:
        found.update(map(_address, problem.cells))
    return found if block is None else found.union(block.keys())


def _address(cell: str) -> str:
    """The match key of a cell, if it is an e-mail address."""
    return f"e:{fold_email(cell.strip())}"


async def _second(connection: sql.Connection, workspace: UUID) -> int:
    """Now, and not before any import of the workspace: order seconds may run ahead of the clock."""
    cursor = await connection.execute(
        "select greatest(extract(epoch from now())::bigint, max(order_second)) from contacts.imports"
        " where workspace = %s",
        [workspace],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


def _keys(key: str, sets: dict[str, Mark]) -> list[str]:
    """The match keys that rows of this person may have: their own, and those of their e-mail addresses."""
    return list(dict.fromkeys([key, *(f"e:{element[1:]}" for element in sets if element[0] == "e")]))


def _about(workspace: UUID) -> str:
    return f"pepper {workspace}"


def _hash(pepper: bytes, key: str) -> bytes:
    return hmac.digest(pepper, key.encode(), "sha256")


def _statement(fields: Sequence[str]) -> str:
    empty = ", ".join(f"{field} = ''" for field in fields)
    return (
        f"update contacts.contacts set match_key = %(key)s, {empty}, stamp = 0, stamps = null, sets = '{{}}',"
        f" custom = '{{}}', sources = '{{}}', born = {_NEVER}, deletion = %(deletion)s,"
        " version = version + 1, updated_at = now()"
        " where workspace = %(workspace)s and contact_id = %(contact)s"
        " returning version, extract(epoch from updated_at)::float8"
    )


_EMPTY = _statement(SCALARS)
