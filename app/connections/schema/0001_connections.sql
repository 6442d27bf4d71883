-- Connected accounts. Whatever opens one is encrypted by the process that wrote it (app/connections/crypto.py); the
-- keys are never here.

create table connections (
    workspace uuid not null,
    id uuid not null,
    provider text not null check (provider in ('google', 'microsoft')),
    -- The provider's own name of the account, which never changes, and what people know it by.
    account text not null check (length(account) <= 255),
    address text not null check (length(address) <= 320),
    scopes text[] not null,
    other_contacts boolean not null,
    state text not null default 'connected' check (state in ('connected', 'reauthorise')),
    reason text,
    claims text,
    -- The grant. Whoever writes it names the version it read; it rises with every write.
    version bigint not null default 1,
    refresh bytea not null,
    access bytea,
    access_until double precision not null default 0,
    -- No refresh before this moment: the provider asked for a pause.
    pause_until double precision not null default 0,
    connected_by text not null,
    connected_by_person uuid not null,
    connected_at timestamptz not null default now(),
    last_import uuid,
    primary key (workspace, id),
    unique (workspace, provider, account)
);
create index connections_of_account on connections (provider, account);

-- Authorisations under way: the page of the provider is open in somebody's browser. Used up by the callback.
create table asked (
    hash bytea primary key,
    workspace uuid not null,
    person uuid not null,
    -- The session that asked; no other may bring the answer.
    holder text not null,
    provider text not null,
    -- The PKCE verifier and the nonce, encrypted.
    secret bytea not null,
    other_contacts boolean not null,
    -- The connection that is to be made again; null for a new one.
    connection uuid,
    expires_at timestamptz not null
);
create index asked_expires on asked (expires_at);

do $$
declare
    name text;
begin
    foreach name in array array['connections', 'asked'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format(
            'create policy tenant on %I using (workspace = nullif(current_setting(''app.workspace'', true), '''')::uuid)'
            ' with check (workspace = nullif(current_setting(''app.workspace'', true), '''')::uuid)', name);
    end loop;
end $$;

-- A provider takes back all we hold of an account at once, so whoever disconnects one has to know whether another
-- workspace still uses it: naming provider and account shows that there is a row.
create policy same_account on connections for select
    using (provider || ' ' || account = nullif(current_setting('app.account', true), ''));

create policy over on asked
    using (current_setting('app.tidy', true) = 'on' and expires_at < now()) with check (false);
