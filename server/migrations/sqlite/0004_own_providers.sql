-- Providers that an environment has beside those of the catalogue, or in their place.
create table own_providers (
    environment text not null references environments (name),
    name        text not null,
    -- The template, as JSON.
    template    text not null,
    updated_at  integer not null,
    primary key (environment, name)
) strict, without rowid;

-- Counted up by each change of them, so that every server sees that its copy is old.
alter table environments add column catalogue_version integer not null default 0;

-- It was kept and did nothing: this server takes no webhooks of providers that it could pass on.
alter table integrations drop column forward_webhooks;
