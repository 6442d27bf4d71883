-- Workbooks and ZIP archives: their bytes lie in a file of the web process that took them (`spooled`), and how what is
-- in them is to be read is fixed once (`contents`), so that whoever cuts them again cuts alike.

alter table imports add column spooled boolean not null default false;
alter table imports add column contents bytea;
