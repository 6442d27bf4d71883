-- The key of each file, wrapped: without it segments, rejected rows and dead letters of the file are unreadable. A file is
-- deleted once `file_deleted_at` is set, and the key is gone from here once all others know.

alter table imports add column file_key bytea;
alter table imports add column file_deleted_at double precision;

create index imports_files on imports (active_at) where file_key is not null;
