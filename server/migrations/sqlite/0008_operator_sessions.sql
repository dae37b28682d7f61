-- Who is signed in to the dashboard. The cookie is signed; it counts while its session is here.
create table operator_sessions (
    session text primary key,
    ends_at integer not null
) strict, without rowid;

-- What an operator made a moment ago and is shown once: sealed, for that session only, for a minute.
create table shown_once (
    id text primary key,
    session text not null,
    sealed blob not null,
    ends_at integer not null
) strict, without rowid;
