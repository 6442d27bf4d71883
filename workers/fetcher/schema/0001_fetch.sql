-- Where each import from a connected account stands. Cursors, tokens and pages are here and nowhere else, sealed by the
-- fetcher (app/connections/crypto.py); the keys are never in the database.

create table runs (
    workspace uuid not null,
    import_id uuid not null,
    connection uuid not null,
    account text not null,
    -- The first FetchRequested, as it came: it has nothing secret.
    request bytea not null,
    -- reading: pages are fetched; room: the workspace has enough in the log; ending: all pages are in the log.
    phase text not null default 'reading' check (phase in ('reading', 'room', 'ending', 'done', 'failed')),
    -- Before `step`: what is in the log already, and where to go on. `stand` is null once nothing is left to do.
    step int not null default 0,
    segments int not null default 0,
    bytes bigint not null default 0,
    items bigint not null default 0,
    stand bytea,
    -- The page of `step` on its way to the log, and where to go on after it; gone when that is acknowledged.
    page bytea,
    after bytea,
    -- No request before this moment (Unix seconds): the provider asked for a pause.
    pause_until double precision not null default 0,
    at timestamptz not null default now(),
    primary key (workspace, import_id)
) with (fillfactor = 70);
create index runs_waiting on runs (import_id) where phase in ('room', 'ending');
create index runs_over on runs (at) where phase in ('done', 'failed');
-- Ciphertext does not compress.
alter table runs alter column stand set storage external;
alter table runs alter column page set storage external;
alter table runs alter column after set storage external;

-- What the last complete pass left: the next one asks for changes since.
create table marks (
    workspace uuid not null,
    connection uuid not null,
    order_second bigint not null,
    sealed bytea not null,
    primary key (workspace, connection)
);
