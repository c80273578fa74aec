-- The key was used; written down at most once a minute.
create or replace function public.touch_prompt_api_key(p_prefix text)
returns boolean
language sql
set search_path = ''
as $$
  with touched as (
    update public.prompt_api_keys k
    set last_used_at = clock_timestamp()
    where k.prefix = p_prefix
      and (k.last_used_at is null or k.last_used_at < clock_timestamp() - interval '1 minute')
    returning 1
  )
  select exists (select from touched)
$$;
