-- Locks the gates of those of the models that have a limit, for the rest of the transaction. One
-- that is missing (new, or lost in a crash) is made so that it starts paced.
create or replace function public.lock_prompt_gates(p_models text[])
returns boolean
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  if not exists (
    select from public.prompt_model_limits l
    where l.model = any (p_models) and l.requests_per_second is not null
  ) then
    return false;
  end if;
  insert into public.prompt_model_gates (model, rate)
  select l.model, public.prompt_safe_rate(l.requests_per_second)
  from public.prompt_model_limits l
  where l.model = any (p_models) and l.requests_per_second is not null
    and not exists (select from public.prompt_model_gates g where g.model = l.model)
  order by l.model
  on conflict do nothing;
  perform 1 from public.prompt_model_gates g
  where g.model = any (p_models)
  order by g.model
  for update;
  return true;
end
$$;
