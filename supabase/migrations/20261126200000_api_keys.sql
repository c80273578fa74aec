-- Keys of servers: who holds one, what it allows, and the digests of its secrets.

create table if not exists public.prompt_api_keys (
  prefix text primary key check (prefix ~ '^[0-9a-f]{12}$'),
  digest bytea not null check (octet_length(digest) = 32),
  old_digest bytea,
  old_until timestamptz,
  name text not null,
  user_id uuid references auth.users (id) on delete cascade,
  scopes text[] not null check (
    cardinality(scopes) > 0
    and scopes <@ array['enqueue', 'read', 'cancel', 'ops:read', 'ops:write', 'admin', 'act_for']
  ),
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index if not exists prompt_api_keys_user_idx on public.prompt_api_keys (user_id);
comment on table public.prompt_api_keys is 'keys of servers; their secrets are nowhere';
comment on column public.prompt_api_keys.digest is 'SHA-256 of the secret';
comment on column public.prompt_api_keys.old_digest is
  'opens too until old_until, after a rotation';
comment on column public.prompt_api_keys.user_id is
  'whose jobs it is about; null: nobody''s, it has to name a user or none is needed';

alter table public.prompt_api_keys enable row level security;
alter table public.prompt_api_keys force row level security;
