-- A worker process says that it lives; rows that were silent for a day are forgotten.
create or replace function public.prompt_worker_seen(
  p_worker text, p_host text, p_pid int, p_concurrency int, p_busy int
)
returns void
language sql
set search_path = ''
as $$
  insert into public.prompt_queue_workers as w (worker, host, pid, concurrency, busy)
  values (p_worker, p_host, p_pid, p_concurrency, p_busy)
  on conflict (worker) do update
  set seen_at = clock_timestamp(), busy = excluded.busy, concurrency = excluded.concurrency;

  delete from public.prompt_queue_workers w
  where w.seen_at < clock_timestamp() - interval '1 day';
$$;
