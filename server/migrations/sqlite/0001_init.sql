-- Times are milliseconds since 1970-01-01T00:00:00Z. Documents are JSON text.

create table environments (
    name       text primary key,
    created_at integer not null
) strict, without rowid;

-- What the server itself must remember and nobody may read: sealed under the master key.
create table server_secrets (
    name   text primary key,
    key_id text not null,
    sealed blob not null
) strict;

create table secret_keys (
    id          text primary key,
    environment text not null references environments (name),
    name        text not null,
    role        text not null,
    -- HMAC-SHA-256 of the key; the key itself is shown once and not kept.
    hash        blob not null unique,
    created_at  integer not null
) strict;

create table integrations (
    id               integer primary key,
    environment      text not null references environments (name),
    unique_key       text not null,
    provider         text not null,
    display_name     text,
    forward_webhooks integer not null,
    config           text not null,
    created_at       integer not null,
    updated_at       integer not null,
    unique (environment, unique_key)
) strict;

create table connect_sessions (
    id          text primary key,
    environment text not null references environments (name),
    hash        blob not null unique,
    terms       text not null,
    -- Preset configuration may hold secrets of the integrator, so it is sealed.
    key_id      text,
    presets     blob,
    expires_at  integer not null
) strict;

create index connect_sessions_by_end on connect_sessions (expires_at);

create table connections (
    -- Clients see this number, so it is never used again: autoincrement.
    id                   integer primary key autoincrement,
    environment          text not null references environments (name),
    integration_id       integer not null references integrations (id) on delete cascade,
    connection_id        text not null,
    auth_mode            text not null,
    -- Everything that a user typed: credential and connection configuration.
    key_id               text not null,
    sealed               blob not null,
    metadata             text not null,
    tags                 text not null,
    end_user             text,
    -- Who may replace it by name through a connect session.
    owner_end_user       text,
    owner_organization   text,
    webhook_url_override text,
    verified             integer not null,
    account              text,
    health               text not null,
    health_since         integer not null,
    created_at           integer not null,
    updated_at           integer not null,
    last_fetched_at      integer,
    unique (integration_id, connection_id)
) strict;

create index connections_by_environment on connections (environment, id);
create index connections_by_owner on connections (environment, owner_end_user);

-- The labels of connections.tags once more, to be searched.
create table connection_tags (
    connection integer not null references connections (id) on delete cascade,
    key        text not null,
    value      text not null,
    primary key (key, value, connection)
) strict, without rowid;

create index connection_tags_by_connection on connection_tags (connection);

-- What a session has made, so that posting again replaces it instead of making one more.
create table session_connections (
    session        text not null references connect_sessions (id) on delete cascade,
    integration_id integer not null references integrations (id) on delete cascade,
    connection_id  text not null,
    primary key (session, integration_id, connection_id)
) strict, without rowid;

create index session_connections_by_integration on session_connections (integration_id);

create table audit_events (
    id          integer primary key autoincrement,
    at          integer not null,
    environment text not null,
    actor       text not null,
    action      text not null,
    object      text not null,
    request_id  text not null
) strict;

create index audit_events_by_environment on audit_events (environment, id);
