-- Which contact an item of a connected account is, so that what happens to it there finds its contact here.

alter table imports add column connection uuid;
comment on column imports.connection is 'The connected account that the import is from; null for files.';

create table links (
    workspace uuid not null,
    connection uuid not null,
    provider_id text collate "C" not null,
    contact_id uuid,
    position bigint not null default 0,
    stream text not null default '',
    gone bigint,
    gone_stream text not null default '',
    primary key (workspace, connection, provider_id)
);
create index links_of_contact on links (workspace, contact_id);
comment on column links.contact_id is
    'Whose item it is; null where it was told to be gone before it was told to be somebody.';
comment on column links.position is
    'Of the row that said so; the highest wins.';
comment on column links.stream is
    'Where that row was (a folder, an address book): what is gone from another one has only moved here.';
comment on column links.gone is
    'The highest position at which the source said that it is gone, from gone_stream.';

-- Whether the source has the item no more.
create function is_gone(link links) returns boolean
    language sql immutable parallel safe
    return coalesce((link).gone > (link).position and (link).gone_stream = (link).stream, false);

create table partings (
    workspace uuid not null,
    import_id uuid not null,
    index int not null,
    contacts uuid[] not null,
    gone int not null,
    deleted int not null,
    primary key (workspace, import_id, index)
);
comment on table partings is
    'Contacts that lost a source, or are deleted, by a segment in which they are not: a segment that is told again
tells them too.';
