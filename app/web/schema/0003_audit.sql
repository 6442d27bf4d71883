-- Who did what, by ids: written once, changed by nobody. There is no policy for updates and deletions, and row-level
-- security is forced, so the service that writes this table cannot rewrite it either.

create table audit (
    workspace uuid not null,
    id bigint generated always as identity,
    at timestamptz not null default now(),
    actor uuid,
    by text not null check (by in ('session', 'token', 'link')),
    action text not null,
    subject text not null,
    request text not null,
    primary key (workspace, id)
);
comment on column audit.actor is 'The person; what they are called stands in people, and nowhere here.';
comment on column audit.request is 'The trace id of the request, which stands in every log and record that came of it.';

-- A repeated request is the same import.
create unique index audit_imports on audit (workspace, subject) where action = 'import.requested';

alter table audit enable row level security;
alter table audit force row level security;
create policy reading on audit for select
    using (workspace = nullif(current_setting('app.workspace', true), '')::uuid);
create policy writing on audit for insert
    with check (workspace = nullif(current_setting('app.workspace', true), '')::uuid);
