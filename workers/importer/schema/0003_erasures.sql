-- People who were erased: nothing readable of them, and enough to keep older rows from bringing them back.

create table peppers (
    workspace uuid primary key,
    sealed bytea not null
);
comment on table peppers is
    'The key of the workspace''s hashes, sealed under DATA_KEYS: who has the database alone cannot try addresses.';

create table erasures (
    workspace uuid not null,
    hash bytea not null,
    second bigint not null,
    primary key (workspace, hash)
);
comment on table erasures is
    'Keyed hash of a match key -> the order second up to which no row with this key is merged.';
create index erasures_latest on erasures (workspace, second);
