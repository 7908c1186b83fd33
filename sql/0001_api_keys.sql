-- Client keys. Only a hash is stored; a key is shown once, when it is made. Rows are revoked, never deleted, because
-- request logs refer to them.
create table api_keys (
  id         uuid primary key,
  public_id  text not null unique check (public_id ~ '^[0-9A-Za-z]{8}$'),
  hash       bytea not null check (octet_length(hash) = 32),
  name       text not null check (length(name) between 1 and 200),
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
