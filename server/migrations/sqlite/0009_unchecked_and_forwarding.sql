-- Whether a credential was stored without asking anybody, because its provider offers no check. Nobody knows
-- of older rows; they stay "unverified".
alter table connections add column unchecked integer not null default 0;

-- What clients of other servers set and read; nothing follows from it.
alter table integrations add column forward_webhooks integer not null default 0;
