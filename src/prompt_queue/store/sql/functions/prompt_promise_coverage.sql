-- Of the promises that were put to the test within p_hours: how many held their p90. kind is start
-- or done for prompts, picture for the end of a whole job of pictures; coverage is 0 to 1.
create or replace function public.prompt_promise_coverage(p_hours int default 24)
returns table (kind text, kept bigint, scored bigint, coverage numeric)
language sql
stable
set search_path = ''
as $$
  with tested as (
    select 'start' as kind, p.start_kept as kept
    from public.prompt_promises p
    where p.leg = 'prompt' and p.start_scored_at > clock_timestamp() - make_interval(hours => p_hours)
    union all
    select case p.leg when 'prompt' then 'done' else 'picture' end, p.done_kept
    from public.prompt_promises p
    where p.leg in ('prompt', 'picture')
      and p.done_scored_at > clock_timestamp() - make_interval(hours => p_hours)
  )
  select t.kind, count(*) filter (where t.kept), count(*),
    round(count(*) filter (where t.kept)::numeric / count(*), 4)
  from tested t
  group by t.kind
  order by t.kind
$$;
