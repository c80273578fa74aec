-- What holds for a user: a row of their own, else that of everybody. No row: no limit.
create or replace function public.prompt_user_limit(p_user uuid)
returns setof public.prompt_user_limits
language sql
stable
set search_path = ''
as $$
  select l.*
  from public.prompt_user_limits l
  where l.user_id in (p_user, '00000000-0000-0000-0000-000000000000')
  order by l.user_id desc
  limit 1
$$;
