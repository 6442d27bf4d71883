-- Who invites an address may see the link, and could use it: a session that was opened by an invitation proves a place
-- in that workspace, and nothing about the person. The rights of an operator need a sign-in link.
alter table sessions add column way text not null default 'invitation' check (way in ('sign_in', 'invitation'));
