-- Changes what p_changes names of an endpoint: url, events, description, state. With p_user_id one of
-- somebody else counts as missing: no row. What waits for one that is disabled ends so; one that is
-- enabled again starts with a clean record.
create or replace function public.change_webhook_endpoint(
  p_id uuid, p_changes jsonb, p_user_id uuid default null
)
returns setof public.webhook_endpoints
language plpgsql
set search_path = ''
as $$
declare
  v_state text := p_changes ->> 'state';
begin
  return query
  update public.webhook_endpoints e
  set url = coalesce(p_changes ->> 'url', e.url),
    events = case when jsonb_typeof(p_changes -> 'events') = 'array'
      then array(select jsonb_array_elements_text(p_changes -> 'events')) else e.events end,
    description = case when p_changes ? 'description'
      then p_changes ->> 'description' else e.description end,
    state = coalesce(v_state, e.state),
    disabled_reason = case v_state when 'active' then null when 'disabled' then
      coalesce(e.disabled_reason, 'Its owner disabled it.') else e.disabled_reason end,
    failing_since = case v_state when 'active' then null else e.failing_since end,
    updated_at = clock_timestamp()
  where e.id = p_id and (p_user_id is null or e.user_id = p_user_id)
  returning e.*;
  if found and v_state = 'disabled' then
    with ended as (
      update public.webhook_messages m
      set state = 'disabled', ended_at = clock_timestamp()
      where m.lane = p_id::text and m.state = 'waiting'
      returning m.id
    )
    insert into public.webhook_tally (outcome, messages)
    select 'disabled', count(*) from ended having count(*) > 0;
  end if;
end
$$;
