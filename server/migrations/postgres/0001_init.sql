-- The same tables as in ../sqlite, in the words of PostgreSQL. Times are milliseconds since
-- 1970-01-01T00:00:00Z. Documents are JSON text, not jsonb, which cannot hold every JSON string and
-- changes the order of keys.

create table environments (
    name       text primary key,
    created_at bigint not null
);

-- What the server itself must remember and nobody may read: sealed under the master key.
create table server_secrets (
    name   text primary key,
    key_id text not null,
    sealed bytea not null
);

create table secret_keys (
    id          text primary key,
    environment text not null references environments (name),
    name        text not null,
    role        text not null,
    -- HMAC-SHA-256 of the key; the key itself is shown once and not kept.
    hash        bytea not null unique,
    created_at  bigint not null
);

create table integrations (
    id               bigint generated always as identity primary key,
    environment      text not null references environments (name),
    unique_key       text not null,
    provider         text not null,
    display_name     text,
    forward_webhooks boolean not null,
    config           text not null,
    created_at       bigint not null,
    updated_at       bigint not null,
    unique (environment, unique_key)
);

create table connect_sessions (
    id          text primary key,
    environment text not null references environments (name),
    hash        bytea not null unique,
    terms       text not null,
    -- Preset configuration may hold secrets of the integrator, so it is sealed.
    key_id      text,
    presets     bytea,
    expires_at  bigint not null
);

create index connect_sessions_by_end on connect_sessions (expires_at);

create table connections (
    -- Clients see this number; an identity never gives one twice.
    id                   bigint generated always as identity primary key,
    environment          text not null references environments (name),
    integration_id       bigint not null references integrations (id) on delete cascade,
    connection_id        text not null,
    auth_mode            text not null,
    -- Everything that a user typed: credential and connection configuration.
    key_id               text not null,
    sealed               bytea not null,
    metadata             text not null,
    tags                 text not null,
    end_user             text,
    -- Of end_user, to be searched.
    end_user_name        text,
    end_user_email       text,
    -- Who may replace it by name through a connect session.
    owner_end_user       text,
    owner_organization   text,
    webhook_url_override text,
    verified             boolean not null,
    account              text,
    health               text not null,
    health_since         bigint not null,
    created_at           bigint not null,
    updated_at           bigint not null,
    last_fetched_at      bigint,
    unique (integration_id, connection_id)
);

create index connections_by_environment on connections (environment, id);
create index connections_by_owner on connections (environment, owner_end_user);

-- The labels of connections.tags once more, to be searched.
create table connection_tags (
    connection bigint not null references connections (id) on delete cascade,
    key        text not null,
    value      text not null,
    primary key (key, value, connection)
);

create index connection_tags_by_connection on connection_tags (connection);

-- What a session has made, so that posting again replaces it instead of making one more.
create table session_connections (
    session        text not null references connect_sessions (id) on delete cascade,
    integration_id bigint not null references integrations (id) on delete cascade,
    connection_id  text not null,
    primary key (session, integration_id, connection_id)
);

create index session_connections_by_integration on session_connections (integration_id);

create table audit_events (
    id          bigint generated always as identity primary key,
    at          bigint not null,
    environment text not null,
    actor       text not null,
    action      text not null,
    object      text not null,
    request_id  text not null
);

create index audit_events_by_environment on audit_events (environment, id);
