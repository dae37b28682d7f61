-- Who is signed in to the dashboard. The cookie is signed; it counts while its session is here.
create table operator_sessions (
    session text primary key,
    ends_at bigint not null
);

-- What an operator made a moment ago and is shown once: sealed, for that session only, for a minute.
create table shown_once (
    id text primary key,
    session text not null,
    sealed bytea not null,
    ends_at bigint not null
);
