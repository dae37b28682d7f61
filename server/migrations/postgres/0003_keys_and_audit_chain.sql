-- When a secret key was last used, and when it ends because another one has taken its place.
alter table secret_keys add column last_used_at bigint;
alter table secret_keys add column expires_at bigint;

-- The place of an event in the chain of its environment, and the code that ties it to the one before.
-- Events are put into the chain a moment after they are written, many at a time.
alter table audit_events add column link bigint;
alter table audit_events add column mac bytea;

create unique index audit_events_chain on audit_events (environment, link) where link is not null;
create index audit_events_unlinked on audit_events (id) where link is null;
