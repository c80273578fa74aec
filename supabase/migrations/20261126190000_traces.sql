-- The trace that a job belongs to travels in its row, as a W3C traceparent; who wants no traces
-- writes none.
alter table public.prompt_generation_jobs add column if not exists trace_context text;
alter table public.picture_jobs add column if not exists trace_context text;
alter table public.webhook_messages add column if not exists trace_context text;

comment on column public.prompt_generation_jobs.trace_context is
  'W3C traceparent of the request that queued it';
comment on column public.picture_jobs.trace_context is
  'W3C traceparent of the request that created it';
comment on column public.webhook_messages.trace_context is
  'W3C traceparent of the request for what it tells of';

do $$
declare
  v_table text;
begin
  foreach v_table in array array['prompt_generation_jobs', 'picture_jobs', 'webhook_messages'] loop
    if not exists (
      select from pg_constraint
      where conrelid = format('public.%I', v_table)::regclass
        and conname = v_table || '_trace_context_check'
    ) then
      -- The rows that are there have none, so there is nothing to look through.
      execute format(
        'alter table public.%I add constraint %I '
        'check (trace_context ~ ''^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'') not valid',
        v_table, v_table || '_trace_context_check'
      );
    end if;
  end loop;
end
$$;
