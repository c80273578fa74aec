-- The limits of a model: from the settings of a process, which give way to what an operator has
-- set, or by hand, p_reason says why. p_requests_per_second null means no limit. Returns whether
-- something changed.
create or replace function public.set_prompt_limit(
  p_model text,
  p_requests_per_second double precision,
  p_tokens_per_minute double precision default null,
  p_by_hand boolean default false,
  p_actor text default 'operator',
  p_reason text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(trim(p_model), '') = '' or p_requests_per_second <= 0 or p_tokens_per_minute <= 0 then
    raise exception 'name a model, and more than 0 requests and tokens'
      using errcode = 'invalid_parameter_value';
  end if;
  if p_requests_per_second is null and not p_by_hand then
    delete from public.prompt_model_limits l where l.model = p_model and not l.by_hand;
  else
    insert into public.prompt_model_limits as l (
      model, requests_per_second, tokens_per_minute, by_hand
    )
    values (p_model, p_requests_per_second, p_tokens_per_minute, p_by_hand)
    on conflict (model) do update
    set requests_per_second = excluded.requests_per_second,
      tokens_per_minute = excluded.tokens_per_minute, by_hand = excluded.by_hand,
      updated_at = clock_timestamp()
    where (p_by_hand or not l.by_hand)
      and (l.requests_per_second, l.tokens_per_minute, l.by_hand)
        is distinct from (excluded.requests_per_second, excluded.tokens_per_minute, p_by_hand);
  end if;
  if not found then
    return false;
  end if;
  -- What was learned was about another limit.
  delete from public.prompt_model_gates g where g.model = p_model;
  if p_by_hand then
    insert into public.prompt_operator_log (actor, act, model, reason)
    values (
      p_actor, 'limited', p_model,
      coalesce(nullif(trim(p_reason), '') || ': ', '') || coalesce(
        p_requests_per_second || ' requests a second, '
          || coalesce(p_tokens_per_minute::text, 'any') || ' tokens a minute',
        'no limit'
      )
    );
  end if;
  return true;
end
$$;
