-- What an environment has been set to, as one document: where webhooks go, which of them.
alter table environments add column settings text not null default '{}';

-- The outbox: each row is one event on its way to one address. Written in the transaction of what it
-- tells of, so that neither happens without the other.
create table webhooks (
    -- A UUID of version 7, which receivers see: sorted by it, the newest is last.
    id            text primary key,
    environment   text not null references environments (name),
    operation     text not null,
    integration   text not null,
    connection_id text not null,
    -- Which of the environment's addresses, or the connection's own.
    slot          text not null,
    url           text not null,
    body          text not null,
    created_at    integer not null,
    status        text not null,
    -- When the tries began; one day later they end.
    since         integer not null,
    attempts      integer not null,
    -- When it is due; null when there is nothing more to do.
    next_at       integer,
    -- Until when one server has it in hand.
    leased_until  integer,
    last_at       integer,
    last_status   integer,
    last_error    text
) strict, without rowid;

create index webhooks_due on webhooks (next_at) where next_at is not null;
create index webhooks_settled on webhooks (created_at) where next_at is null;
create index webhooks_by_environment on webhooks (environment, id);

-- Why a connection needs attention, when the provider was last asked, and when it will be asked again.
alter table connections add column health_reason text;
alter table connections add column checked_at integer;
alter table connections add column next_check_at integer not null default 0;

create index connections_by_next_check on connections (next_check_at);
