-- How a secret key starts, so that people can tell keys apart. Of older keys it is not known.
alter table secret_keys add column prefix text not null default '';
