"""The statement that merges what is staged into contacts: `absorb` of app/core/contacts.py, once, in SQL."""

from app.core.contacts import SCALARS
from app.core.reading.plan import Existing

FIELDS = ", ".join(SCALARS)
STAGED = f"contact_id, match_key, {FIELDS}, stamp, stamps, sets, custom, born, last"
STORED = (
    f"contact_id, match_key, {FIELDS}, stamp, stamps, sets::text, custom::text,"
    " sources, born, last, deletion, version, updated_at"
)
BESIDE = ("outcome", "contact_id", "version", "sources", "stamp")
"""Columns that come back of every contact that was there; after them `old_sets` and `old_custom` as text, and STORED,
all of them null of one that now is as it was staged."""


def _merging_upsert(existing: Existing) -> str:
    """Merges row by row in the order of ids.

    Only contacts that were there before come back; whoever is not among them was created. Of those that now are as they
    were staged, and whose outcome is certain, the importer has all but BESIDE itself: nothing else is sent and decoded.
    """

    def stamp(side: str, number: int, field: str) -> str:
        return f"contacts.stamp_of({side}.stamp, {side}.stamps, {number}, {side}.{field})"

    numbered = list(enumerate(SCALARS, 1))
    wins = {
        field: f"contacts.wins({stamp('excluded', number, field)}, excluded.{field},"
        f" {stamp('c', number, field)}, c.{field}, c.deletion)"
        for number, field in numbered
    }
    values = {field: f"case when {wins[field]} then excluded.{field} else c.{field} end" for field in SCALARS}
    stamps = [
        f"case when {wins[field]} then {stamp('excluded', number, field)} else {stamp('c', number, field)} end"
        for number, field in numbered
    ]
    every = f"array[{', '.join(stamps)}], array[{', '.join(values.values())}]"
    # The usual cases: one stamp on each side, and whoever is stronger has every field that the other has.
    single = "c.stamps is null and excluded.stamps is null"
    taken = f"{single} and c.deletion is null and excluded.stamp > c.stamp and {_has_all('excluded', 'c')}"
    kept = f"{single} and c.stamp > excluded.stamp and {_has_all('c', 'excluded')}"
    if existing == "skip":  # whoever was there before this import began: nothing beats what they have
        kept = f"c.born < %(first)s or ({kept})"
    chosen = [
        f"case way when 'taken' then excluded.{field} when 'kept' then c.{field} else {value} end"
        for field, value in values.items()
    ]
    newer, older = "excluded.born > c.last", "excluded.last < c.born"
    custom = f"{newer}, false" if existing == "overwrite" else f"false, {newer}"

    whole = f"old_sets::text, old_custom::text, {STORED}"

    def marks(column: str) -> str:
        merging = f"excluded.{column}"
        return f"case when c.born < %(first)s then '{{}}' else {merging} end" if existing == "skip" else merging

    return f"""
with merged as (
    insert into contacts.contacts as c (workspace, {STAGED}, sources)
    select %(workspace)s::uuid, {STAGED}, array[%(second)s::bigint] from pg_temp.staged order by contact_id
    on conflict (workspace, contact_id) do update set
        match_key = case when excluded.last > c.deletion then excluded.match_key else c.match_key end,
        ({FIELDS}, stamp, stamps) = (
            select
                {", ".join(chosen)},
                case way
                    when 'taken' then excluded.stamp when 'kept' then c.stamp else contacts.packed_stamp({every})
                end,
                case way when 'taken' then null when 'kept' then c.stamps else contacts.packed({every}) end
            from (select case when {taken} then 'taken' when {kept} then 'kept' end as way offset 0) as what
        ),
        sets = contacts.merged(c.sets, {marks("sets")}, {newer}, {older}, c.deletion),
        custom = contacts.merged(c.custom, {marks("custom")}, {custom}, c.deletion),
        sources = contacts.with_source(c.sources, %(second)s::bigint),
        born = least(c.born, excluded.born),
        last = greatest(c.last, excluded.last),
        version = c.version + 1,
        updated_at = now()
    returning
        case
            when old.version is null then 0
            when %(second)s::bigint = any (old.sources) then 3
            when ({_row("old")}) is distinct from ({_row("new")}) then 1
            else 2
        end as outcome,
        old.sets as old_sets,
        old.custom as old_custom,
        old.stamp as old_stamp,
        old.last as old_last,
        new.*
),
judged as (
    select
        ({_row("now")}) = ({_row("staged")})
        and now.stamps is null
        and now.deletion is null
        and now.sets = staged.sets
        and {_same("now.custom", "now.stamp", "staged.custom", "staged.stamp")}
        and (
            outcome <> 2
            or {_same("old_sets", "old_last", "now.sets", "now.last")}
            and {_same("old_custom", "old_stamp", "now.custom", "now.stamp")}
        ) as alike,
        now.*
    from merged as now join pg_temp.staged as staged using (contact_id)
    where outcome <> 0
    offset 0
)
select
    {", ".join(BESIDE)},
    {", ".join(f"case when not alike then {column} end" for column in whole.split(", "))}
from judged"""


def _row(side: str) -> str:
    return ", ".join(f"{side}.{field}" for field in SCALARS)


def _has_all(side: str, other: str) -> str:
    return " and ".join(f"({side}.{field} <> '' or {other}.{field} = '')" for field in SCALARS)


def _same(one: str, one_at: str, other: str, other_at: str) -> str:
    """Whether two maps of marks are the same but for the positions (or stamps) at which all of them were written.

    Compared as texts, without those positions. Only behind a backslash, which escapes a quotation mark, could a text
    look like the start of a mark; then the answer is no.
    """
    return f"""(
            {one} = {other} or (
                select one = other and position('\\' in one) = 0
                from (
                    select
                        replace({one}::text, '": [' || {one_at} || ', ', '": [') as one,
                        replace({other}::text, '": [' || {other_at} || ', ', '": [') as other
                    offset 0
                ) as texts
            )
        )"""


UPSERT: dict[Existing, str] = {
    "fill": _merging_upsert("fill"),
    "overwrite": _merging_upsert("overwrite"),
    "skip": _merging_upsert("skip"),
}
