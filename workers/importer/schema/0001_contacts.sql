-- The truth about contacts, the ledger of segments, and the merge rule of app/core/contacts.py, once, in SQL.

create table imports (
    workspace uuid not null,
    order_second bigint not null,
    import_id uuid not null,
    source text not null,
    primary key (workspace, order_second)
);
comment on table imports is
    'Who is behind an order second; positions and stamps hold no more than that. Written once, never changed.';

create table ledger (
    workspace uuid not null,
    import_id uuid not null,
    index int not null,
    crc32c bigint not null,
    created int not null default 0,
    updated int not null default 0,
    unchanged int not null default 0,
    duplicate int not null default 0,
    rejected int not null default 0,
    at timestamptz not null default now(),
    primary key (workspace, import_id, index)
) with (fillfactor = 80);
comment on table ledger is
    'Segments that are in contacts, with the outcomes of their rows; a segment found here is never merged again.';

create table contacts (
    workspace uuid not null,
    contact_id uuid not null,
    match_key text not null,
    name text collate "C" not null,
    prefix text collate "C" not null,
    given text collate "C" not null,
    middle text collate "C" not null,
    family text collate "C" not null,
    suffix text collate "C" not null,
    nickname text collate "C" not null,
    company text collate "C" not null,
    department text collate "C" not null,
    title text collate "C" not null,
    birthday text collate "C" not null,
    notes text collate "C" not null,
    stamp bigint not null,
    stamps bigint[],
    sets jsonb not null,
    custom jsonb not null,
    sources bigint[] not null,
    born bigint not null,
    last bigint not null,
    deletion bigint,
    version bigint not null default 1,
    updated_at timestamptz not null default now(),
    primary key (workspace, contact_id)
) with (fillfactor = 85);
comment on table contacts is
    'Room is left in each page, and nothing that every import changes is in an index, so that updates are HOT.';
comment on column contacts.stamp is
    'The stamp of every field that is not empty, as long as one says it all; else 0.';
comment on column contacts.stamps is
    'One stamp per field, null where nothing was ever written; null as a whole while `stamp` says it all.';
comment on column contacts.sets is
    'Element -> [position, text, slot]; see elements() in app/core/contacts.py.';
comment on column contacts.custom is
    'Own field -> [stamp, text, 0].';

-- These are one expression each, so that the planner puts them in place; what is rare and long is a function
-- of its own that is really called.

-- The stamp of field `i`, whose value is `value`.
create function stamp_of(stamp bigint, stamps bigint[], i int, value text) returns bigint
    language sql immutable parallel safe
    return case when stamps is not null then stamps[i] when value <> '' then stamp end;

-- Whether a new value beats the old one; what is not above `floor` (a deletion) beats nothing.
create function wins(new_stamp bigint, new_value text, old_stamp bigint, old_value text, floor bigint) returns boolean
    language sql immutable parallel safe
    return new_stamp is not null
        and (floor is null or abs(new_stamp) > floor)
        and (
            old_stamp is null
            or new_stamp > old_stamp
            or (new_stamp = old_stamp and new_value collate "C" > old_value collate "C")
        );

-- The stamps of all fields, or null where one says it all, so that equal contacts are stored equally.
create function packed(stamps bigint[], "values" text[]) returns bigint[]
    language sql immutable parallel safe
    return (
        select case when count(distinct stamp) > 1 or bool_or((stamp is null) <> (value = '')) then stamps end
        from unnest(stamps, "values") as field (stamp, value)
    );

-- The stamp that says it all, or 0.
create function packed_stamp(stamps bigint[], "values" text[]) returns bigint
    language sql immutable parallel safe
    return (select coalesce(min(stamp), 0) from unnest(stamps) as stamp where packed(stamps, "values") is null);

-- Two maps of marks in one: of each element the greatest mark.
create function merged_marks(old jsonb, new jsonb, floor bigint) returns jsonb
    language sql immutable parallel safe
    return (
        select coalesce(jsonb_object_agg(key, mark), '{}')
        from (
            select distinct on (key) key, mark
            from (select * from jsonb_each(old) union all select * from jsonb_each(new)) as both_maps (key, mark)
            where floor is null or abs((mark ->> 0)::bigint) > floor
            order by key, (mark ->> 0)::bigint desc, (mark ->> 1) collate "C" desc, (mark ->> 2)::int desc
        ) as greatest_marks
    );

-- merged_marks, fast where every new mark is known to beat every old one (`newer`), or to be beaten (`older`).
create function merged(old jsonb, new jsonb, newer boolean, older boolean, floor bigint) returns jsonb
    language sql immutable parallel safe
    return case
        when new = '{}' then old
        when floor is not null then merged_marks(old, new, floor)
        when newer then old || new
        when older then new || old
        else merged_marks(old, new, floor)
    end;

-- The first and the 8 highest of some imports, ascending.
create function kept_sources(sources bigint[]) returns bigint[]
    language sql immutable parallel safe
    return (
        select case
            when cardinality(every) <= 9 then every
            else every[1] || every[cardinality(every) - 7:]
        end
        from (select array_agg(distinct each order by each) as every from unnest(sources) as each) as sorted
    );

-- The imports that brought something, with one more.
create function with_source(sources bigint[], second bigint) returns bigint[]
    language sql immutable parallel safe
    return case
        when second = any (sources) then sources
        when second > sources[cardinality(sources)] and cardinality(sources) < 9 then sources || second
        else kept_sources(sources || second)
    end;
