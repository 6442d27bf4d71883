"""Which contact an item of a connected account is: kept in the transaction of its segment.

The row with the highest position says whose an item is. When an item moves on to another contact (its e-mail address
changed), the one that it leaves loses the account as a source, and goes if it has no other. What is gone at the source
is only noted by the segment that tells it; the sweep, which comes when all the rest is in the database, decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec

from app import sql
from app.core.contacts import KEPT_SOURCES, SCALARS, Mark, Person, contact_id
from app.core.events import ProviderPage, SegmentHeader, Sweep
from app.core.positions import order_second, position
from app.core.reading.provided import Linked

_NO_ID = UUID(int=0)
_marks = msgspec.json.Decoder(dict[str, Mark])


class Parted(NamedTuple):
    """Contacts that changed beside the rows of a segment, and how many are gone at the source, and deleted here."""

    contacts: tuple[UUID, ...] = ()
    gone: int = 0
    deleted: int = 0


class Holder(NamedTuple):
    """A contact that may lose a source. `seconds` are the order seconds of everything that is left in it."""

    id: UUID
    sources: tuple[int, ...]
    seconds: frozenset[int]


async def identities(connection: sql.Connection, segment: SegmentHeader, links: Iterable[Linked]) -> dict[int, str]:
    """Row -> match key, of the rows that do not say who they are but whose link does."""
    page = _page(segment)
    partial = {link.provider_id: link.row for link in links if link.partial and not link.gone}
    if not partial:
        return {}
    cursor = await connection.execute(
        "select l.provider_id, c.match_key from contacts.links l"
        " join contacts.contacts c on c.workspace = l.workspace and c.contact_id = l.contact_id"
        " where l.workspace = %s and l.connection = %s and l.provider_id = any(%s)",
        [segment.workspace, page.connection, list(partial)],
    )
    return {partial[provider_id]: key for provider_id, key in await cursor.fetchall()}


async def settle(
    connection: sql.Connection, segment: SegmentHeader, links: Sequence[Linked], people: Iterable[Person]
) -> Parted:
    """Notes what a segment says of items, after its rows are merged; with a sweep, decides about what is gone."""
    page = _page(segment)
    await connection.execute(
        "update contacts.imports set connection = %s where workspace = %s and order_second = %s and connection is null",
        [page.connection, segment.workspace, segment.order_second],
    )
    if page.sweep is not None:
        parted = await _sweep(connection, segment, page, page.sweep)
    else:
        keys = {person.row: person.match_key for person in people}
        await _note_gone(connection, segment, page, [link for link in links if link.gone])
        left = await _note(connection, segment, page, links, keys)
        parted = await _part(connection, segment.workspace, page.connection, left)
    if parted != Parted():
        await connection.execute(
            "insert into contacts.partings (workspace, import_id, index, contacts, gone, deleted)"
            " values (%s, %s, %s, %s, %s, %s)",
            [
                segment.workspace,
                segment.import_id,
                segment.index,
                list(parted.contacts),
                parted.gone,
                parted.deleted,
            ],
        )
    return parted


async def settled(connection: sql.Connection, segment: SegmentHeader) -> Parted:
    """What `settle` found the first time."""
    cursor = await connection.execute(
        "select contacts, gone, deleted from contacts.partings where workspace = %s and import_id = %s and index = %s",
        [segment.workspace, segment.import_id, segment.index],
    )
    row = await cursor.fetchone()
    return Parted() if row is None else Parted(tuple(row[0]), row[1], row[2])


async def _note(
    connection: sql.Connection,
    segment: SegmentHeader,
    page: ProviderPage,
    links: Iterable[Linked],
    keys: Mapping[int, str],
) -> set[UUID]:
    """Writes whose items these are; the contacts that somebody left come back."""
    now: dict[str, tuple[UUID, int]] = {}
    left: set[UUID] = set()
    for link in links:
        if link.gone:
            continue
        if link.provider_id in now:
            left.add(now[link.provider_id][0])
        id_ = contact_id(segment.workspace, keys[link.row])
        now[link.provider_id] = id_, position(segment.order_second, segment.index, link.row)
    cursor = await connection.execute(
        "insert into contacts.links as l (workspace, connection, provider_id, contact_id, position, stream)"
        " select %(workspace)s, %(connection)s, item.*, %(stream)s"
        " from unnest(%(items)s::text[], %(contacts)s::uuid[], %(positions)s::bigint[]) as item order by 3"
        " on conflict (workspace, connection, provider_id) do update set"
        "   contact_id = case when excluded.position > l.position then excluded.contact_id else l.contact_id end,"
        "   stream = case when excluded.position > l.position then excluded.stream else l.stream end,"
        "   position = greatest(excluded.position, l.position)"
        " returning new.provider_id, old.contact_id, new.contact_id",
        {
            "workspace": segment.workspace,
            "connection": page.connection,
            "stream": page.stream,
            "items": list(now),
            "contacts": [id_ for id_, _ in now.values()],
            "positions": [at for _, at in now.values()],
        },
    )
    for provider_id, before, after in await cursor.fetchall():
        left |= {before or _NO_ID, now[provider_id][0]} - {after}
    return left - {_NO_ID}


async def _note_gone(
    connection: sql.Connection, segment: SegmentHeader, page: ProviderPage, links: Iterable[Linked]
) -> None:
    gone = {link.provider_id: position(segment.order_second, segment.index, link.row) for link in links}
    if not gone:
        return
    await connection.execute(
        "insert into contacts.links as l (workspace, connection, provider_id, gone, gone_stream)"
        " select %(workspace)s, %(connection)s, item.*, %(stream)s"
        " from unnest(%(items)s::text[], %(positions)s::bigint[]) as item order by 3"
        " on conflict (workspace, connection, provider_id) do update set"
        "   gone_stream = case when l.gone >= excluded.gone then l.gone_stream else excluded.gone_stream end,"
        "   gone = greatest(excluded.gone, l.gone)",
        {
            "workspace": segment.workspace,
            "connection": page.connection,
            "stream": page.stream,
            "items": list(gone),
            "positions": list(gone.values()),
        },
    )


async def _sweep(connection: sql.Connection, segment: SegmentHeader, page: ProviderPage, sweep: Sweep) -> Parted:
    """Counts whom this import found gone at the source and, if that is wanted, takes leave of all that are gone."""
    names = {
        "workspace": segment.workspace,
        "connection": page.connection,
        "since": position(segment.order_second, sweep.since, 0),
        "first": position(segment.order_second, 0, 0),
        "now": position(segment.order_second, segment.index, 0),
        "unread": list(sweep.unread),
    }
    ours = "workspace = %(workspace)s and connection = %(connection)s"
    if sweep.full:
        await connection.execute(
            f"update contacts.links as l set gone = %(now)s, gone_stream = stream where {ours}"
            " and position < %(since)s and stream <> all(%(unread)s) and not contacts.is_gone(l)",
            names,
        )
    # Two items may be one person: who is still there with one of them is not gone.
    cursor = await connection.execute(
        f"select contact_id, bool_or(gone >= %(first)s) from contacts.links as l where {ours}"
        " and contact_id is not null and contacts.is_gone(l)"
        " and not exists (select from contacts.links as o where o.workspace = l.workspace"
        "   and o.connection = l.connection and o.contact_id = l.contact_id and not contacts.is_gone(o))"
        " group by contact_id",
        names,
    )
    gone: dict[UUID, bool] = dict(await cursor.fetchall())
    news = sum(gone.values())
    if not sweep.delete:
        return Parted((), news, 0)
    await connection.execute(
        f"delete from contacts.links as l where {ours} and (contact_id is null or contacts.is_gone(l))", names
    )
    return (await _part(connection, segment.workspace, page.connection, gone))._replace(gone=news)


async def _part(connection: sql.Connection, workspace: UUID, account: UUID, contacts: Iterable[UUID]) -> Parted:
    """Takes the account from the sources of those contacts that no item of it is any more; without another they go."""
    wanted = sorted(contacts)
    if not wanted:
        return Parted()
    holders = await _holders(connection, workspace, wanted)
    cursor = await connection.execute(
        "select contact_id, connection from contacts.links as l"
        " where workspace = %s and contact_id = any(%s) and not contacts.is_gone(l)",
        [workspace, wanted],
    )
    linked = await cursor.fetchall()
    kept = {id_ for id_, by in linked if by == account}
    elsewhere = {id_ for id_, _ in linked}
    cursor = await connection.execute(
        "select order_second from contacts.imports where workspace = %s and connection = %s and order_second = any(%s)",
        [workspace, account, sorted(frozenset().union(*(holder.seconds for holder in holders)))],
    )
    own = {second for (second,) in await cursor.fetchall()}
    lost: dict[UUID, list[int]] = {}
    deleted: list[UUID] = []
    for holder in holders:
        if holder.id in kept:
            continue
        # Of very many sources not all are remembered; then nobody can say that there is no other.
        if holder.id in elsewhere or holder.seconds - own or len(holder.sources) > KEPT_SOURCES:
            rest = [second for second in holder.sources if second not in own]
            if rest and len(rest) < len(holder.sources):
                lost[holder.id] = rest
        else:
            deleted.append(holder.id)
    for id_, rest in lost.items():
        await connection.execute(
            "update contacts.contacts set sources = %s, version = version + 1, updated_at = now()"
            " where workspace = %s and contact_id = %s",
            [rest, workspace, id_],
        )
    await connection.execute(_DELETE, [workspace, deleted])
    return Parted(tuple(sorted([*lost, *deleted])), 0, len(deleted))


_DELETE = (
    "update contacts.contacts set "
    + ", ".join(f"{field} = ''" for field in SCALARS)
    + ", stamp = 0, stamps = null, sets = '{}', custom = '{}', sources = '{}', deletion = last,"
    " version = version + 1, updated_at = now()"
    " where workspace = %s and contact_id = any(%s) and (deletion is null or deletion < last)"
)
"""A deletion is a stamp: all that was merged so far is below it; what comes later revives."""


async def _holders(connection: sql.Connection, workspace: UUID, ids: Sequence[UUID]) -> list[Holder]:
    """These contacts, locked: nobody adds a source to them until we are done."""
    cursor = await connection.execute(
        "select contact_id, sources, stamp, stamps, sets::text, custom::text from contacts.contacts"
        " where workspace = %s and contact_id = any(%s) order by contact_id for update",
        [workspace, ids],
    )
    return [
        Holder(id_, tuple(sources), _seconds(sources, [stamp, *(stamps or ())], sets, custom))
        for id_, sources, stamp, stamps, sets, custom in await cursor.fetchall()
    ]


def _seconds(sources: Iterable[int], stamps: Iterable[int | None], *marks: str) -> frozenset[int]:
    found = set(sources)
    found.update(order_second(stamp) for stamp in stamps if stamp)
    found.update(order_second(mark[0]) for each in marks for mark in _marks.decode(each).values())
    return frozenset(found)


def _page(segment: SegmentHeader) -> ProviderPage:
    assert segment.page is not None, "a segment of a file has no links"
    return segment.page
