-- The ranges of priorities that are worked on, the most urgent first: one where none is paused.
create or replace function public.open_priority_bands()
returns table (low int, high int)
language sql
stable
set search_path = ''
as $$
  -- Neighbours that are open have the same difference to their number.
  select min(o.priority), max(o.priority)
  from (
    select p.priority, p.priority - row_number() over (order by p.priority) as band
    from generate_series(1, 10) as p (priority)
    where not exists (
      select from public.prompt_queue_paused_priorities u where u.priority = p.priority
    )
  ) o
  group by o.band
  order by 1 desc
$$;
