-- Of the promises that were put to the test within p_hours, give or take ten minutes: how many held
-- their p90. kind is start or done for prompts, picture for the end of a whole job of pictures;
-- coverage is 0 to 1.
create or replace function public.prompt_promise_coverage(p_hours int default 24)
returns table (kind text, kept bigint, scored bigint, coverage numeric)
language sql
stable
set search_path = ''
as $$
  select t.kind, sum(t.kept)::bigint, sum(t.scored)::bigint,
    round(sum(t.kept)::numeric / sum(t.scored), 4)
  from public.prompt_promise_tally t
  where t.at > clock_timestamp() - make_interval(hours => p_hours)
  group by t.kind
  having sum(t.scored) > 0
  order by t.kind
$$;
