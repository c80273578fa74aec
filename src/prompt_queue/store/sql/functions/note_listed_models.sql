-- Notes which of the models that are asked for (p_models) the provider lists (p_listed).
create or replace function public.note_listed_models(p_models text[], p_listed text[])
returns void
language sql
set search_path = ''
as $$
  insert into public.prompt_model_health (model, listed, listed_at)
  select m.model, m.model = any (p_listed), clock_timestamp()
  from (select distinct unnest(p_models)) as m (model)
  order by m.model
  on conflict (model) do update
  set listed = excluded.listed, listed_at = excluded.listed_at
$$;
