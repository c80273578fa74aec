-- Writes how paid calls ended. p_calls is an array of {call_id, answered, http_status, error_code,
-- served_model, breaker, redirected, retry_after, prompt_tokens, completion_tokens, reasoning_tokens,
-- image_tokens, cached_tokens, cost_usd}; breaker is what the ending says about the model, see
-- judge_prompt_models, redirected that another model answered, retry_after (seconds) what a 429 asks
-- for, see settle_prompt_gates. A call that has its ending keeps it.
-- Returns how many were written.
create or replace function public.end_provider_calls(p_calls jsonb)
returns int
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
  v_count int;
  v_telling jsonb;
  v_redirected text[];
  v_passed jsonb;
begin
  with ended as (
    update public.provider_calls c
    set state = case when e.answered then 'answered' else 'unanswered' end,
      http_status = e.http_status, error_code = e.error_code, served_model = e.served_model,
      prompt_tokens = e.prompt_tokens, completion_tokens = e.completion_tokens,
      reasoning_tokens = e.reasoning_tokens, image_tokens = e.image_tokens,
      cached_tokens = e.cached_tokens, cost_usd = e.cost_usd, ended_at = clock_timestamp()
    from jsonb_to_recordset(p_calls) as e (
      call_id uuid, answered boolean, http_status int, error_code text, served_model text,
      breaker text, redirected boolean, retry_after double precision, prompt_tokens int, completion_tokens int,
      reasoning_tokens int, image_tokens int, cached_tokens int, cost_usd numeric
    )
    where c.call_id = e.call_id and c.state = 'sent'
    returning c.call_id, c.model, e.breaker, e.error_code, e.redirected, e.retry_after,
      c.estimated_tokens, coalesce(c.send_at, c.started_at) as sent_at,
      -- One that got no answer may have used what was expected of it.
      case when e.answered then
        coalesce(e.prompt_tokens, 0) + coalesce(e.completion_tokens, 0)
          + coalesce(e.reasoning_tokens, 0)
      else c.estimated_tokens end as tokens
  )
  select count(*),
    jsonb_agg(jsonb_build_object('call_id', d.call_id, 'model', d.model, 'breaker', d.breaker,
      'error_code', d.error_code)) filter (where d.breaker is not null),
    array_agg(d.model) filter (where d.redirected),
    jsonb_agg(jsonb_build_object('model', d.model, 'error_code', d.error_code,
      'retry_after', d.retry_after, 'good', d.breaker = 'good', 'estimated', d.estimated_tokens,
      'tokens', d.tokens, 'sent_at', d.sent_at))
  into v_count, v_telling, v_redirected, v_passed
  from ended d;
  if v_telling is not null then
    perform public.judge_prompt_models(v_telling);
  end if;
  if v_redirected is not null then
    update public.prompt_model_health h
    set redirected = h.redirected + r.times
    from (select m.model, count(*) from unnest(v_redirected) as m (model) group by m.model)
      as r (model, times)
    where h.model = r.model;
  end if;
  if v_passed is not null then
    perform public.settle_prompt_gates(v_passed);
  end if;
  return v_count;
end
$$;
