-- Gives the right back before its time is over.
create or replace function public.release_prompt_singleton(p_name text, p_token uuid)
returns void
language sql
set search_path = ''
as $$
  delete from public.prompt_queue_singletons s where s.name = p_name and s.token = p_token
$$;
