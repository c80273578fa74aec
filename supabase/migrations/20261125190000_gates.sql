-- What the provider lets each model be sent, and the gate that all workers pass before a call.

create table if not exists public.prompt_model_limits (
  model text primary key,
  requests_per_second double precision check (requests_per_second > 0),
  tokens_per_minute double precision check (tokens_per_minute > 0),
  by_hand boolean not null default false,
  updated_at timestamptz not null default clock_timestamp()
);

comment on table public.prompt_model_limits is
  'limits of the account; a model without requests_per_second has no gate';
comment on column public.prompt_model_limits.by_hand is
  'set by an operator: the settings of workers do not change it any more';

-- Unlogged, because it is written for every group of calls and worth nothing after a crash: who
-- finds it empty starts paced.
create unlogged table if not exists public.prompt_model_gates (
  model text primary key,
  rate double precision not null,
  rate_at timestamptz not null default clock_timestamp(),
  held_until timestamptz not null default 'epoch',
  next_at timestamptz not null default clock_timestamp(),
  tokens_at timestamptz not null default clock_timestamp(),
  claims_at timestamptz not null default clock_timestamp(),
  closed_until timestamptz not null default 'epoch',
  refusals int not null default 0,
  heard boolean not null default true
) with (fillfactor = 20);

comment on column public.prompt_model_gates.rate is
  'requests a second that were found to be safe at rate_at; it grows from there';
comment on column public.prompt_model_gates.held_until is
  'until then the rate does not grow beyond the safe share of the limit';
comment on column public.prompt_model_gates.next_at is 'when the next request may leave';
comment on column public.prompt_model_gates.tokens_at is
  'when all tokens that were promised will have been earned';
comment on column public.prompt_model_gates.claims_at is 'as next_at, for jobs given to workers';
comment on column public.prompt_model_gates.refusals is '429s in a row, each a window apart';
comment on column public.prompt_model_gates.heard is 'a call succeeded since the last 429';

alter table public.provider_calls add column if not exists send_at timestamptz;
alter table public.provider_calls add column if not exists estimated_tokens int;

alter table public.prompt_model_limits enable row level security;
alter table public.prompt_model_limits force row level security;
alter table public.prompt_model_gates enable row level security;
alter table public.prompt_model_gates force row level security;
