-- How a secret key starts, so that people can tell keys apart. Of older keys it is not known.
alter table secret_keys add column prefix text not null default '';

-- The history of one thing.
create index audit_events_by_object on audit_events (environment, object, id);
-- How many connections work, and which do not.
create index connections_by_health on connections (environment, health, id);
