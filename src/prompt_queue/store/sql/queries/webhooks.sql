-- Statements about webhooks that we send.

-- name: claim_webhooks
select m.id, m.endpoint_id, coalesce(e.url, m.url) as url, m.type, m.subject, m.payload,
  m.created_at, m.tries, m.first_try, m.lease_token, m.lane,
  coalesce(e.state = 'disabled', false) as disabled,
  coalesce(e.secret, s.secret) as secret,
  case when coalesce(e.old_secret_until, s.old_secret_until) > clock_timestamp()
    then coalesce(e.old_secret, s.old_secret) end as old_secret,
  extract(epoch from clock_timestamp())::bigint as clock_seconds, m.trace_context
from public.claim_webhook_messages($1, $2, $3, $4, $5) m
left join public.webhook_endpoints e on e.id = m.endpoint_id
left join public.webhook_secrets s on m.endpoint_id is null and s.user_id = m.user_id;

-- name: settle_webhooks
select s.message_id, s.applied, s.state, s.disabled_endpoint
from public.settle_webhook_messages($1) s;

-- name: next_webhook
select extract(epoch from m.due_at - clock_timestamp())::float8 as seconds
from public.webhook_messages m
where m.state = 'waiting' order by m.due_at limit 1;

-- name: create_endpoint
select e.* from public.create_webhook_endpoint($1, $2, $3, $4) e;

-- name: list_endpoints
select e.* from public.webhook_endpoints e
where ($1::uuid is null or e.user_id = $1)
order by e.created_at, e.id
limit 1000;

-- name: find_endpoint
select e.* from public.webhook_endpoints e
where e.id = $1 and ($2::uuid is null or e.user_id = $2);

-- name: change_endpoint
select e.* from public.change_webhook_endpoint($1, $2, $3) e;

-- name: delete_endpoint
delete from public.webhook_endpoints e
where e.id = $1 and ($2::uuid is null or e.user_id = $2)
returning e.id;

-- name: rotate_webhook_secret
select r.secret, r.old_secret_until from public.rotate_webhook_secret($1, $2) r;

-- name: find_webhook_secret
select s.created_at, case when s.old_secret_until > clock_timestamp() then s.old_secret_until end
  as old_secret_until
from public.webhook_secrets s where s.user_id = $1;

-- name: test_endpoint
select public.test_webhook_endpoint($1, $2) as message_id;

-- name: deliveries_of_endpoint
select m.id, m.endpoint_id, m.url, m.type, m.subject, m.state, m.tries, m.created_at, m.ended_at,
  case when m.state = 'waiting' then m.due_at end as next_at
from public.webhook_messages m
where m.endpoint_id = $1 and ($2::timestamptz is null or (m.created_at, m.id) < ($2, $3::uuid))
order by m.created_at desc, m.id desc
limit $4;

-- name: deliveries_of_subjects
select m.id, m.endpoint_id, m.url, m.type, m.subject, m.state, m.tries, m.created_at, m.ended_at,
  case when m.state = 'waiting' then m.due_at end as next_at,
  (
    select t.status from public.webhook_tries t
    where t.message_id = m.id order by t.number desc limit 1
  ) as last_status
from public.webhook_messages m
where m.subject = any ($1)
order by m.number;

-- name: tries_of_deliveries
select t.message_id, t.number, t.at, t.status, t.milliseconds, t.answer, t.error, t.next_at
from unnest($1::uuid[]) as d (id)
cross join lateral (
  select w.* from public.webhook_tries w
  where w.message_id = d.id order by w.number desc limit 20
) t
order by t.message_id, t.number;

-- name: replay_webhook
select public.replay_webhook_message($1, $2) as answer;

-- name: want_webhook
select public.want_webhook(j.id, j.user_id, $2, $3)
from public.prompt_generation_jobs j where j.id = $1;

-- name: webhook_outcomes
select o.outcome, o.messages from public.webhook_outcomes() o;

-- name: prune_webhooks
select public.prune_webhooks($1, $2) as deleted;
