-- What readers of events need so that none is skipped: numbers commit out of order.

alter table public.prompt_job_events add column if not exists horizon xid8;
alter table public.prompt_job_events
  alter column horizon set default pg_snapshot_xmin(pg_current_snapshot());
comment on column public.prompt_job_events.horizon is
  'all transactions below had ended when it was written; null: written before there was this column';

create index if not exists prompt_job_events_transaction_idx
  on public.prompt_job_events (transaction_id);
