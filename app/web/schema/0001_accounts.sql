-- Who may enter which workspace, and with what. Credentials are kept as SHA-256 only; `holder` is the name under
-- which the rest of the installation knows a credential (app/core/channels.py).
--
-- Every table that belongs to a workspace has row-level security, and its owner obeys it too. What must be found
-- before the workspace is known has a narrow policy of its own: whoever presents a credential sees the one row it
-- opens (app.credential), a person sees where they are a member (app.person), tidying sees what is over (app.tidy).

create table workspaces (
    id uuid primary key,
    slug text not null unique,
    name text not null,
    created_at timestamptz not null default now()
);

-- A person may be in several workspaces; what stands here is nobody's property but theirs.
create table people (
    id uuid primary key,
    address text not null unique check (length(address) <= 254),
    operator boolean not null default false,
    created_at timestamptz not null default now()
);

create table memberships (
    workspace uuid not null references workspaces,
    person uuid not null references people,
    role text not null check (role in ('owner', 'member', 'viewer')),
    created_at timestamptz not null default now(),
    primary key (workspace, person)
);
create index memberships_of_person on memberships (person);

create table sessions (
    hash bytea primary key,
    id uuid not null unique,
    workspace uuid not null,
    person uuid not null,
    holder text not null,
    agent text not null,
    created_at timestamptz not null default now(),
    last_use timestamptz not null default now(),
    expires_at timestamptz not null,
    foreign key (workspace, person) references memberships on delete cascade
);
create index sessions_of_person on sessions (workspace, person);

-- A token acts for whoever made it and ends with their membership.
create table tokens (
    hash bytea primary key,
    id uuid not null unique,
    workspace uuid not null,
    person uuid not null,
    holder text not null,
    name text not null,
    role text not null check (role in ('owner', 'member', 'viewer')),
    created_at timestamptz not null default now(),
    last_use timestamptz,
    expires_at timestamptz,
    foreign key (workspace, person) references memberships on delete cascade
);
create index tokens_of_person on tokens (workspace, person);

create table sign_in_links (
    hash bytea primary key,
    workspace uuid not null,
    person uuid not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    foreign key (workspace, person) references memberships on delete cascade
);

create table invitations (
    hash bytea primary key,
    id uuid not null unique,
    workspace uuid not null references workspaces,
    address text not null check (length(address) <= 254),
    role text not null check (role in ('owner', 'member', 'viewer')),
    invited_by text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    unique (workspace, address)
);

create table channels (
    channel text primary key,
    workspace uuid not null references workspaces,
    created_at timestamptz not null default now(),
    last_use timestamptz not null default now()
);

-- Credentials that ended and of which the other services still have to be told: written together with the end,
-- removed when Kafka has acknowledged the revocation.
create table endings (
    holder text primary key,
    ended_at timestamptz not null default now()
);

do $$
declare
    name text;
begin
    foreach name in array array['memberships', 'sessions', 'tokens', 'sign_in_links', 'invitations', 'channels'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format(
            'create policy tenant on %I using (workspace = nullif(current_setting(''app.workspace'', true), '''')::uuid)'
            ' with check (workspace = nullif(current_setting(''app.workspace'', true), '''')::uuid)', name);
    end loop;
    foreach name in array array['sessions', 'tokens', 'sign_in_links', 'invitations'] loop
        execute format(
            'create policy presented on %I for select'
            ' using (hash = decode(nullif(current_setting(''app.credential'', true), ''''), ''hex''))', name);
    end loop;
    foreach name in array array['sessions', 'tokens', 'sign_in_links', 'invitations'] loop
        execute format(
            'create policy over on %I using (current_setting(''app.tidy'', true) = ''on'' and expires_at < now())'
            ' with check (false)', name);
    end loop;
end $$;

create policy over on channels
    using (current_setting('app.tidy', true) = 'on' and last_use < now() - interval '30 days') with check (false);

create policy own on memberships for select
    using (person = nullif(current_setting('app.person', true), '')::uuid);

alter table workspaces enable row level security;
alter table workspaces force row level security;
create policy tenant on workspaces
    using (id = nullif(current_setting('app.workspace', true), '')::uuid)
    with check (id = nullif(current_setting('app.workspace', true), '')::uuid);
create policy own on workspaces for select
    using (exists (
        select from memberships
        where memberships.workspace = workspaces.id
          and person = nullif(current_setting('app.person', true), '')::uuid));
