-- The search in the provider's history has found what a submit without an answer had bought.
create or replace function public.resolve_picture_call(p_call_id uuid)
returns void
language sql
set search_path = ''
as $$
  update public.provider_calls c
  set state = 'answered', ended_at = coalesce(c.ended_at, clock_timestamp())
  where c.call_id = p_call_id and c.leg = 'picture' and c.state <> 'answered'
$$;
