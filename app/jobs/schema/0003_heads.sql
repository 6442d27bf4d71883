-- By its beginning and its length a file is known again: whoever looks at it is told that it came in before.

alter table imports add column head_hash bytea;

create index imports_heads on imports (workspace, head_hash) where head_hash is not null;
