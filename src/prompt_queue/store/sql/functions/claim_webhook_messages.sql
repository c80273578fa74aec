-- Leases up to p_limit messages that are due, at most p_lane_cap at once of one lane, and of one line
-- only the earliest that is open. Looks at the lanes of what has been due longest, and at p_lanes more
-- round from p_after, a place drawn at random: so its cost does not grow with what waits for a slow
-- receiver, and nothing behind that is overlooked. First takes back what silent workers held: such a
-- message is sent again under the same id.
create or replace function public.claim_webhook_messages(
  p_limit int,
  p_worker text,
  p_lease_seconds double precision,
  p_lane_cap int default 4,
  p_after text default '',
  p_lanes int default 200
)
returns setof public.webhook_messages
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
set application_name = 'prompt_queue.claim'
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_lanes text[];
  v_ids uuid[];
begin
  with silent as materialized (
    select m.id from public.webhook_messages m
    where m.state = 'sending' and m.lease_until < v_now
    order by m.lease_until
    limit 100
    for update skip locked
  )
  update public.webhook_messages m
  set state = 'waiting', due_at = v_now, lease_token = null, lease_until = null, worker = null
  from silent s
  where m.id = s.id;
  if not exists (
    select from public.webhook_messages m
    where m.state = 'waiting' and m.due_at <= v_now
    order by m.due_at limit 1
  ) then
    return;
  end if;
  with recursive lanes as (
    (
      select m.lane, 1 as turn from public.webhook_messages m
      where m.state = 'waiting' and m.lane > p_after
      order by m.lane limit 1
    )
    union all
    select n.lane, l.turn + 1
    from lanes l
    cross join lateral (
      select m.lane from public.webhook_messages m
      where m.state = 'waiting' and m.lane > l.lane
      order by m.lane limit 1
    ) n
    where l.turn < p_lanes
  )
  select array_agg(l.lane order by l.turn) into v_lanes from lanes l;
  if coalesce(cardinality(v_lanes), 0) < p_lanes then
    with recursive lanes as (
      (
        select m.lane, 1 as turn from public.webhook_messages m
        where m.state = 'waiting' and m.lane <= p_after
        order by m.lane limit 1
      )
      union all
      select n.lane, l.turn + 1
      from lanes l
      cross join lateral (
        select m.lane from public.webhook_messages m
        where m.state = 'waiting' and m.lane > l.lane and m.lane <= p_after
        order by m.lane limit 1
      ) n
      where l.turn + coalesce(cardinality(v_lanes), 0) < p_lanes
    )
    select coalesce(v_lanes, '{}') || array_agg(l.lane order by l.turn) into v_lanes from lanes l;
  end if;
  select array_agg(d.lane) || coalesce(v_lanes, '{}') into v_lanes
  from (
    select distinct m.lane from (
      select w.lane from public.webhook_messages w
      where w.state = 'waiting' and w.due_at <= v_now
      order by w.due_at limit p_lanes
    ) m
  ) d;
  select array_agg(c.id) into v_ids
  from (
    select d.id
    from (
      select o.lane, min(o.turn) as turn from unnest(v_lanes) with ordinality as o (lane, turn)
      group by o.lane
    ) l
    cross join lateral (
      select count(*) as under_way from (
        select from public.webhook_messages m
        where m.state = 'sending' and m.lane = l.lane
        limit p_lane_cap
      ) s
    ) u
    cross join lateral (
      select m.id, row_number() over (order by m.due_at, m.number) as nth
      from (
        select m.id, m.due_at, m.number from public.webhook_messages m
        where m.state = 'waiting' and m.lane = l.lane and m.due_at <= v_now
          and not exists (
            select from public.webhook_messages e
            where e.line = m.line and e.number < m.number and e.state in ('waiting', 'sending')
          )
        order by m.due_at, m.number
        limit p_lane_cap
      ) m
    ) d
    where d.nth <= p_lane_cap - u.under_way
    -- The first of each lane before the second of any.
    order by d.nth, l.turn
    limit p_limit
  ) c;
  return query
  with taken as materialized (
    select m.id from public.webhook_messages m
    where m.id = any (v_ids) and m.state = 'waiting'
    order by m.id
    for update skip locked
  )
  update public.webhook_messages m
  set state = 'sending', lease_token = gen_random_uuid(), worker = p_worker,
    lease_until = v_now + make_interval(secs => p_lease_seconds)
  from taken t
  where m.id = t.id
  returning m.*;
end
$$;
