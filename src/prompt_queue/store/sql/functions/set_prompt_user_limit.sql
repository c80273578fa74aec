-- What one user may use from now on; the nil id for everybody without a row of their own, which a
-- process sets from its settings unless an operator has. Null is no limit; p_forget takes the row of
-- a user away. Jobs that wait for their budget look again. p_reason says why, for the audit. Returns
-- whether something changed.
create or replace function public.set_prompt_user_limit(
  p_user uuid,
  p_usd_a_day numeric default null,
  p_pictures_a_day int default null,
  p_queued int default null,
  p_requests_a_second double precision default null,
  p_by_hand boolean default false,
  p_actor text default 'operator',
  p_forget boolean default false,
  p_reason text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_changed boolean;
begin
  if p_forget then
    delete from public.prompt_user_limits l where l.user_id = p_user;
  else
    insert into public.prompt_user_limits as l (
      user_id, usd_a_day, pictures_a_day, queued, requests_a_second, by_hand
    )
    values (p_user, p_usd_a_day, p_pictures_a_day, p_queued, p_requests_a_second, p_by_hand)
    on conflict (user_id) do update
    set usd_a_day = excluded.usd_a_day, pictures_a_day = excluded.pictures_a_day,
      queued = excluded.queued, requests_a_second = excluded.requests_a_second,
      by_hand = excluded.by_hand, updated_at = clock_timestamp()
    where (p_by_hand or not l.by_hand)
      and (l.usd_a_day, l.pictures_a_day, l.queued, l.requests_a_second, l.by_hand)
        is distinct from (excluded.usd_a_day, excluded.pictures_a_day, excluded.queued,
          excluded.requests_a_second, excluded.by_hand);
  end if;
  v_changed := found;
  if not v_changed then
    return false;
  end if;
  if p_by_hand then
    insert into public.prompt_operator_log (actor, act, reason)
    values (
      p_actor, 'limited_user',
      coalesce(nullif(trim(p_reason), '') || ': ', '') || p_user || case when p_forget then ': as everybody' else
        ': ' || coalesce(p_usd_a_day || ' USD', 'any money') || ' and '
        || coalesce(p_pictures_a_day || ' pictures', 'any number of pictures') || ' a day, '
        || coalesce(p_queued || ' open jobs', 'any number of open jobs') || ', '
        || coalesce(p_requests_a_second || ' requests a second', 'any number of requests')
      end
    );
  end if;
  perform public.wake_prompt_purses(p_user);
  return true;
end
$$;
