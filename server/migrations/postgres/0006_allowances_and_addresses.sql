-- How much of what is limited has been used: the moment at which everything is regained. What is not
-- here has not been used. Unlogged: after a crash of the database everything is regained, and no use
-- waits for the disk.
create unlogged table allowances (
    bucket text primary key,
    full_at bigint not null
);

create index allowances_full on allowances (full_at);

-- From where a request came that an event tells of.
alter table audit_events add column address text;
