-- What changed something, without what was only read: the reads are most of a log.
create index audit_events_changes on audit_events (environment, id)
    where action not in ('connection.read', 'connection.revealed', 'connection.used', 'connection.verified');
create index audit_events_changes_by_object on audit_events (environment, object, id)
    where action not in ('connection.read', 'connection.revealed', 'connection.used', 'connection.verified');

-- Behind which event the log of an environment begins, where older ones were removed, and the seal over it.
create table audit_starts (
    environment text primary key,
    link integer not null,
    mac blob not null,
    seal blob not null
) strict, without rowid;
