-- What is known of each model at the provider: its circuit breaker, what is left of its retry
-- budget, whether the provider lists it; and a log of what operators and breakers did.
--
-- squawk-ignore-file require-concurrent-index-creation

create table if not exists public.prompt_model_health (
  model text primary key,
  state text not null default 'closed' check (state in ('closed', 'open')),
  by_hand boolean not null default false,
  cause text,
  opened_at timestamptz,
  open_until timestamptz,
  closed_at timestamptz,
  openings int not null default 0,
  probe_call_id uuid,
  good double precision not null default 0,
  bad double precision not null default 0,
  retries_left double precision not null default 20,
  counted_at timestamptz not null default clock_timestamp(),
  listed boolean,
  listed_at timestamptz,
  redirected bigint not null default 0
) with (fillfactor = 50);

comment on table public.prompt_model_health is
  'one row a model that was asked or looked up; read by everybody before each call';
comment on column public.prompt_model_health.open_until is
  'from here on one call may probe the model; null while open: until somebody closes it by hand';
comment on column public.prompt_model_health.openings is
  'how often it opened without a calm of two minutes in between; the cool-off grows with it';
comment on column public.prompt_model_health.good is
  'answered calls, with a half-life of 30 seconds up to counted_at';
comment on column public.prompt_model_health.retries_left is
  'retries that may be sent, up to counted_at; see begin_provider_calls';
comment on column public.prompt_model_health.listed is
  'whether the provider lists the model; null: never looked up';
comment on column public.prompt_model_health.redirected is
  'answers that came from another model than the one that was asked';

create table if not exists public.prompt_operator_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  act text not null,
  model text,
  reason text
);

comment on table public.prompt_operator_log is
  'who paused, resumed, opened or closed what; actor breaker is the circuit breaker itself';

create index if not exists prompt_operator_log_at_idx on public.prompt_operator_log (at);

alter table public.prompt_model_health enable row level security;
alter table public.prompt_model_health force row level security;
alter table public.prompt_operator_log enable row level security;
alter table public.prompt_operator_log force row level security;
