-- Results out: who wants to be told, what is to be told, and how each try went.
--
-- squawk-ignore-file require-concurrent-index-creation

create table if not exists public.webhook_endpoints (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null,
  url text not null,
  events text[] not null default '{}',
  description text,
  secret text not null,
  old_secret text,
  old_secret_until timestamptz,
  state text not null default 'active' check (state in ('active', 'disabled')),
  disabled_reason text,
  failing_since timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);
create index if not exists webhook_endpoints_user_idx on public.webhook_endpoints (user_id);
create index if not exists webhook_endpoints_active_idx on public.webhook_endpoints (id)
  where state = 'active';
comment on table public.webhook_endpoints is 'where a user is told of results';
comment on column public.webhook_endpoints.events is 'types of messages; none: all of them';
comment on column public.webhook_endpoints.old_secret is
  'signs too until old_secret_until, after a rotation';
comment on column public.webhook_endpoints.failing_since is
  'when the first of an unbroken row of failures was; null after a success';

-- What signs webhooks that a single request asked for.
create table if not exists public.webhook_secrets (
  user_id uuid primary key,
  secret text not null,
  old_secret text,
  old_secret_until timestamptz,
  created_at timestamptz not null default clock_timestamp()
);

create table if not exists public.webhook_requests (
  job_id uuid primary key,
  user_id uuid not null,
  subject uuid not null,
  url text not null,
  events text[] not null default '{}',
  created_at timestamptz not null default clock_timestamp()
);
create index if not exists webhook_requests_created_idx on public.webhook_requests (created_at);
comment on table public.webhook_requests is
  'a request that asked for a webhook; job_id is a prompt job or a row of jobs';
comment on column public.webhook_requests.subject is
  'what its messages are in order for: the prompt of a picture counts as its job';

create table if not exists public.webhook_messages (
  id uuid primary key default gen_random_uuid(),
  number bigint generated always as identity,
  user_id uuid not null,
  endpoint_id uuid references public.webhook_endpoints (id) on delete cascade,
  url text,
  type text not null,
  subject uuid not null,
  payload jsonb not null,
  lane text not null generated always as (
    coalesce(endpoint_id::text, user_id::text || ' ' || substring(url from '^[a-z]+://[^/?]+'))
  ) stored,
  line text not null generated always as (
    coalesce(endpoint_id::text, url) || ' ' || subject::text
  ) stored,
  state text not null default 'waiting' check (
    state in ('waiting', 'sending', 'delivered', 'exhausted', 'disabled')
  ),
  tries int not null default 0,
  first_try int not null default 0,
  due_at timestamptz not null default clock_timestamp(),
  lease_token uuid,
  lease_until timestamptz,
  worker text,
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  check (endpoint_id is not null or url is not null)
) with (fillfactor = 70);
comment on table public.webhook_messages is 'the outbox: one message to one receiver';
comment on column public.webhook_messages.lane is
  'of one lane only so many are sent at once: an endpoint, or a server that a user''s requests name';
comment on column public.webhook_messages.line is
  'of one line the earlier message goes first: one receiver, one subject';

-- To be sent, lane by lane and by time; what is under way; the order within a line.
create index if not exists webhook_messages_lane_idx
  on public.webhook_messages (lane, due_at, number) where state = 'waiting';
create index if not exists webhook_messages_due_idx
  on public.webhook_messages (due_at) where state = 'waiting';
create index if not exists webhook_messages_sending_idx
  on public.webhook_messages (lane) where state = 'sending';
create index if not exists webhook_messages_leased_idx
  on public.webhook_messages (lease_until) where state = 'sending';
create index if not exists webhook_messages_line_idx
  on public.webhook_messages (line, number) where state in ('waiting', 'sending');
create index if not exists webhook_messages_endpoint_idx
  on public.webhook_messages (endpoint_id, created_at desc, id desc);
create index if not exists webhook_messages_subject_idx on public.webhook_messages (subject);
create index if not exists webhook_messages_ended_idx
  on public.webhook_messages (ended_at) where ended_at is not null;

create table if not exists public.webhook_tries (
  message_id uuid not null references public.webhook_messages (id) on delete cascade,
  number int not null,
  at timestamptz not null,
  status int,
  milliseconds int not null,
  answer text,
  error text,
  next_at timestamptz,
  primary key (message_id, number)
);

-- Endings as they happen, so that counting them reads a few rows, put together now and then.
create table if not exists public.webhook_tally (
  outcome text not null,
  messages bigint not null
);

alter table public.webhook_endpoints enable row level security;
alter table public.webhook_endpoints force row level security;
alter table public.webhook_secrets enable row level security;
alter table public.webhook_secrets force row level security;
alter table public.webhook_requests enable row level security;
alter table public.webhook_requests force row level security;
alter table public.webhook_messages enable row level security;
alter table public.webhook_messages force row level security;
alter table public.webhook_tries enable row level security;
alter table public.webhook_tries force row level security;
alter table public.webhook_tally enable row level security;
alter table public.webhook_tally force row level security;
