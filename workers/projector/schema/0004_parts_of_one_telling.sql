-- A segment that is told again may be told in another number of records: only those of one telling are all of it.
-- 0 are parts that an earlier release noted; they count for any telling.
alter table parts
    add column told_in int not null default 0,
    drop constraint parts_pkey,
    add primary key (workspace, import_id, index, told_in, part);
