-- The read model: all of it can be built again from contacts.changed, import.problems and imports.

-- A contact as the API shows it. A deleted one stays as a mark, so that an older version that arrives late does not
-- bring it back.
create table contacts (
    workspace uuid not null,
    id uuid not null,
    version bigint not null,
    deleted boolean not null,
    facets text not null,  -- what it is counted under (rows.py)
    doc text not null,
    primary key (workspace, id)
);
-- This build of PostgreSQL has only a slow way to compress.
alter table contacts alter column doc set storage external;

-- What a contact is found and sorted by, and nothing else: a search visits many of these rows and shows few contacts.
create table entries (
    workspace uuid not null,
    id uuid not null,
    imported_at bigint not null,  -- order second of the last import that brought it
    sort_name text collate "C" not null,
    search tsvector not null,
    primary key (workspace, id)
);
alter table entries alter column search set storage plain;
-- The planner guesses how many words begin with what is typed, and only from a hundred common words upwards.
alter table entries alter column search set statistics 300;
create index entries_newest on entries (workspace, imported_at, id);
create index entries_by_name on entries (workspace, sort_name, id);
-- New words wait in a list (KB) and are merged together: twice the default costs a search some milliseconds meanwhile.
create index entries_search on entries using gin (search) with (fastupdate = on, gin_pending_list_limit = 8192);

-- How many contacts carry a value; kind is a letter of app.core.search. The order of magnitude is indexed
-- instead of the number: it changes seldom, so that counting on touches no index.
create table counts (
    workspace uuid not null,
    kind "char" not null,
    value text collate "C" not null,
    n bigint not null,
    size smallint not null generated always as (floor(ln(greatest(n, 1)::float8) / ln(2::float8))) stored,
    primary key (workspace, kind, value)
) with (fillfactor = 70);
create index counts_greatest on counts (workspace, kind, size) where size > 0;

-- Every import that ever was, as the tracker last told it.
create table imports (
    workspace uuid not null,
    id uuid not null,
    version bigint not null,
    requested_at double precision not null,
    status text not null,
    source text not null,
    requested_by text not null,
    name text not null,
    doc text not null,
    primary key (workspace, id)
);
alter table imports alter column doc set storage external;
create index imports_newest on imports (workspace, requested_at, id);

-- Which records of a segment are projected; the segment can be seen once all are.
create table parts (
    workspace uuid not null,
    import_id uuid not null,
    index int not null,
    part int not null,
    primary key (workspace, import_id, index, part)
);
-- A tombstone names the import only.
create index parts_of_import on parts (import_id);

-- Rows that could not be used; `number` tells several problems of one row apart.
create table problems (
    workspace uuid not null,
    import_id uuid not null,
    index int not null,
    row int not null,
    number smallint not null,
    cells int not null,         -- how many there are: the header of the download comes before the rows
    doc text not null,
    primary key (workspace, import_id, index, row, number)
);

do $$
declare
    name text;
begin
    foreach name in array array['contacts', 'entries', 'counts', 'imports', 'parts', 'problems'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        -- Readers see the workspace of their transaction; the projector writes what the log says, for all of them.
        execute format(
            'create policy tenant on %I for select to lookup_reader using '
            '(workspace = nullif(current_setting(''app.workspace'', true), '''')::uuid)', name);
        execute format('create policy projector on %I to projector using (true) with check (true)', name);
    end loop;
end
$$;

-- Up to `most` entries of the transaction's workspace that match, in no order. Row-level security lets a reader use
-- an index only through operators that cannot leak, and @@ is none: so this runs as its owner and names the tenant.
create function matches(question tsquery, most int)
returns table (imported_at bigint, sort_name text, id uuid)
language sql stable security definer rows 10000
set search_path = lookup, pg_temp
set plan_cache_mode = force_custom_plan
set work_mem = '64MB'
set jit = off
as $$
    select imported_at, sort_name, id from entries
    where workspace = nullif(current_setting('app.workspace', true), '')::uuid and search @@ question
    limit most
$$;
revoke all on function matches from public;
grant execute on function matches to lookup_reader;
