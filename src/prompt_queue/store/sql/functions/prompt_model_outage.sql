-- For a model whose breaker is open: the seconds until one call may probe it (null: somebody has to
-- close it by hand) and the seconds since it opened. No row: it is closed.
create or replace function public.prompt_model_outage(p_model text)
returns table (wait_seconds double precision, outage_seconds double precision)
language sql
volatile
set search_path = ''
as $$
  select
    -- greatest() takes no notice of a null, which says something here.
    case when h.open_until is not null
      then greatest(extract(epoch from h.open_until - clock_timestamp())::float8, 0) end,
    extract(epoch from clock_timestamp() - h.opened_at)::float8
  from public.prompt_model_health h
  where h.model = p_model and h.state = 'open'
$$;
