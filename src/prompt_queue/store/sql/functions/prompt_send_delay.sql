-- Seconds until a call that was granted may leave; null where its model has no gate.
create or replace function public.prompt_send_delay(p_call_id uuid)
returns double precision
language sql
volatile
set search_path = ''
as $$
  select greatest(extract(epoch from c.send_at - clock_timestamp())::float8, 0)
  from public.provider_calls c
  where c.call_id = p_call_id and c.send_at is not null
$$;
