-- What the jobs service owns: one row per import, and the last order second of each workspace.

create table orders (
    workspace uuid primary key,
    last bigint not null
);

create table imports (
    workspace uuid not null,
    id uuid not null,
    -- The request, as it was made; never changed.
    request_hash bytea not null,
    order_second bigint not null,
    source text not null,
    name text not null,
    size bigint,
    channel text,
    requested_by text not null,
    requested_at double precision not null,
    given bytea,
    -- The upload. Whoever writes these names the version it read; it rises with every write.
    -- `told`: the fact that ends the upload (Sealed, SourceFailed) is acknowledged.
    version bigint not null default 1,
    phase text not null default 'open' check (phase in ('open', 'ended', 'failed')),
    told boolean not null default false,
    received bigint not null default 0,
    checksum bigint not null default 0,
    plan bytea,
    head bytea,
    cutter bytea,
    failure bytea,
    cancelled_by text,
    active_at double precision not null,
    primary key (workspace, id),
    unique (workspace, order_second)
);

-- Remainders of files: compressing them costs more than it saves, they are replaced twice a second.
alter table imports alter column head set storage external;
alter table imports alter column cutter set storage external;

create index imports_unsettled on imports (workspace, active_at) where not told;

alter table orders enable row level security;
alter table orders force row level security;
create policy tenant on orders
    using (workspace = nullif(current_setting('app.workspace', true), '')::uuid)
    with check (workspace = nullif(current_setting('app.workspace', true), '')::uuid);

alter table imports enable row level security;
alter table imports force row level security;
create policy tenant on imports
    using (workspace = nullif(current_setting('app.workspace', true), '')::uuid)
    with check (workspace = nullif(current_setting('app.workspace', true), '')::uuid);

-- The sweep asks every workspace what is unsettled; it may see rows, and writes as their tenant only.
create policy sweep on imports for select
    using (current_setting('app.sweep', true) = 'on');
