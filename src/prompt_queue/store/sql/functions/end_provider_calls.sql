-- Writes how paid calls ended. p_calls is an array of {call_id, answered, http_status, error_code,
-- served_model, prompt_tokens, completion_tokens, reasoning_tokens, image_tokens, cached_tokens,
-- cost_usd}. A call that has its ending keeps it. Returns how many were written.
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
begin
  update public.provider_calls c
  set state = case when e.answered then 'answered' else 'unanswered' end,
    http_status = e.http_status, error_code = e.error_code, served_model = e.served_model,
    prompt_tokens = e.prompt_tokens, completion_tokens = e.completion_tokens,
    reasoning_tokens = e.reasoning_tokens, image_tokens = e.image_tokens,
    cached_tokens = e.cached_tokens, cost_usd = e.cost_usd, ended_at = clock_timestamp()
  from jsonb_to_recordset(p_calls) as e (
    call_id uuid, answered boolean, http_status int, error_code text, served_model text,
    prompt_tokens int, completion_tokens int, reasoning_tokens int, image_tokens int,
    cached_tokens int, cost_usd numeric
  )
  where c.call_id = e.call_id and c.state = 'sent';
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
