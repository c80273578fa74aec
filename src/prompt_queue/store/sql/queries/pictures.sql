-- Statements about jobs that become pictures.

-- name: create_picture_job
select c.job_id, c.prompt_job_id from public.create_picture_job($1, $2, $3, $4, $5) c;

-- name: claim_pictures
select p.id, p.job_id, p.number, p.user_id, p.status, p.prompt, p.target_url, p.ref_urls,
  p.generation_model, p.width, p.height, p.priority, p.prediction_id, p.provider_outputs,
  p.retry_count, p.max_retries, p.resubmits, p.lease_token,
  extract(epoch from clock_timestamp() - coalesce(p.submitted_at, p.updated_at))::float8
    as seconds_there, p.trace_context
from public.claim_picture_jobs($1, $2, $3, $4) p;

-- name: settle_pictures
select s.picture_id, s.applied, s.status from public.settle_picture_jobs($1) s;

-- name: next_picture
select extract(epoch from least(
  (select min(p.due_at) from public.picture_jobs p
    where p.due_at is not null and p.status <> 'queued'),
  (select min(p.due_at) from public.picture_jobs p where p.status = 'queued')
) - clock_timestamp())::float8 as seconds;

-- name: last_submit
select c.call_id, extract(epoch from c.started_at)::float8 as started_at,
  extract(epoch from clock_timestamp() - c.started_at)::float8 as seconds_ago
from public.provider_calls c
where c.job_id = $1 and c.leg = 'picture' and c.error_code is distinct from 'not_sent'
order by c.started_at desc limit 1;

-- name: known_predictions
select p.prediction_id from public.picture_jobs p where p.prediction_id = any ($1)
union all
select o.id from public.picture_jobs p
cross join lateral unnest(p.past_predictions) as o (id)
where p.past_predictions <> '{}' and p.past_predictions && $1 and o.id = any ($1);

-- name: resolve_picture_call
select public.resolve_picture_call($1, $2);

-- name: picture_hint
select public.note_picture_hint($1, $2, $3) as answer;

-- name: cancel_picture_job
select c.outcome, c.cancelled, c.at_provider, c.succeeded, c.spent_usd, c.prompt_cancelled
from public.cancel_picture_job($1, $2) c;

-- name: retry_picture_job
select public.retry_picture_job($1, $2, $3) as outcome;

-- name: find_picture_job
select p.*, to_jsonb(f) as feedback from public.picture_jobs p
left join public.prompt_feedback f
  on f.job_id = p.job_id and f.number = p.number and f.user_id = p.user_id
where p.job_id = $1 and ($2::uuid is null or p.user_id = $2)
order by p.number;

-- name: pictures_of
select p.*, to_jsonb(f) as feedback from public.picture_jobs p
left join public.prompt_feedback f
  on f.job_id = p.job_id and f.number = p.number and f.user_id = p.user_id
where p.job_id = any ($1) order by p.job_id, p.number;

-- name: events_of_jobs
select e.id, e.kind, e.data, e.created_at from public.prompt_job_events e
where e.job_id = any ($1) order by e.created_at, e.id;

-- name: calls_of_jobs
select c.call_id, c.model, c.served_model, c.state, c.http_status, c.error_code, c.cost_usd,
  c.started_at, c.ended_at
from public.provider_calls c
where c.job_id = any ($1) order by c.started_at;

-- name: list_picture_jobs
select p.job_id, p.created_at from public.picture_jobs p
where p.number = 1 and ($1::uuid is null or p.user_id = $1)
  and ($2::uuid is null or p.row_id = $2)
  and ($3::timestamptz is null or (p.created_at, p.job_id) < ($3, $4::uuid))
order by p.created_at desc, p.job_id desc
limit $5;

-- name: picture_versions
select p.job_id, max(greatest(p.updated_at, j.updated_at, t.updated_at)) as changed_at,
  public.picture_job_status(array_agg(p.status)) as status
from public.picture_jobs p
left join public.prompt_generation_jobs j on j.id = p.prompt_job_id and p.status = 'waiting_prompt'
left join lateral public.prompt_partial(j.id) t on true
where p.job_id = any ($1)
group by p.job_id;

-- name: prune_picture_webhooks
delete from public.picture_webhooks w where w.received_at < clock_timestamp() - interval '1 hour';
