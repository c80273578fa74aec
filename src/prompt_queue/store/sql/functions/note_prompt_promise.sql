-- Writes down what a client is told about a job, in the transaction that tells it. p_promise has
-- start_base, start_spread, start_p50, start_p90 and the same of done, in seconds from now.
create or replace function public.note_prompt_promise(
  p_job_id uuid, p_leg text, p_priority int, p_promise jsonb
)
returns void
language sql
set search_path = ''
as $$
  insert into public.prompt_promises (
    job_id, made_at, leg, priority, start_base, start_spread, start_p50, start_p90, done_base,
    done_spread, done_p50, done_p90, start_due_at, done_due_at
  )
  select p_job_id, t.now, p_leg, p_priority, p.start_base, p.start_spread, p.start_p50, p.start_p90,
    p.done_base, p.done_spread, p.done_p50, p.done_p90, t.now + make_interval(secs => p.start_p90),
    t.now + make_interval(secs => p.done_p90)
  from jsonb_to_record(p_promise) as p (
    start_base float8, start_spread float8, start_p50 float8, start_p90 float8,
    done_base float8, done_spread float8, done_p50 float8, done_p90 float8
  )
  cross join (values (clock_timestamp())) as t (now)
  on conflict (job_id, made_at) do nothing
$$;
