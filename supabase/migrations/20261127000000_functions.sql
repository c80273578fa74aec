-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> note_prompt_partials
-- Stores what models have written so far: p_partials is an array of {job_id, lease_token, partial};
-- without a partial what was stored under that lease is deleted. Texts under a lease that is over are
-- left out; prompt_partial() would not show them either.
create or replace function public.note_prompt_partials(p_partials jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
  -- Losing it in a crash costs nothing. As a setting of the function it would end before the commit.
  perform set_config('synchronous_commit', 'off', true);
  delete from public.prompt_partials p
  using jsonb_to_recordset(p_partials) as n (job_id uuid, lease_token uuid, partial text)
  where n.partial is null and p.job_id = n.job_id and p.lease_token = n.lease_token;

  insert into public.prompt_partials as p (job_id, lease_token, partial)
  select q.job_id, q.lease_token, n.partial
  from jsonb_to_recordset(p_partials) as n (job_id uuid, lease_token uuid, partial text)
  join public.prompt_job_queue q on q.job_id = n.job_id and q.lease_token = n.lease_token
  where n.partial is not null
  order by q.job_id
  on conflict (job_id) do update
  set lease_token = excluded.lease_token, partial = excluded.partial,
    updated_at = clock_timestamp();
end
$$;
-- <<< note_prompt_partials

-- >>> take_prompt_requests
-- Takes requests out of the bucket of a user for one process: at most p_wanted of p_rate a second,
-- of which p_burst may be there at once. Returns how many were there, how many are left, and in how
-- many seconds the next one will be.
create or replace function public.take_prompt_requests(
  p_user uuid, p_wanted int, p_rate double precision, p_burst double precision
)
returns table (taken int, remaining int, next_seconds double precision)
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_tokens double precision;
  v_taken int;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into public.prompt_user_rates (user_id, tokens)
  values (p_user, p_burst)
  on conflict do nothing;
  select least(
      p_burst,
      r.tokens + p_rate * greatest(extract(epoch from clock_timestamp() - r.counted_at), 0)
    )
  into v_tokens
  from public.prompt_user_rates r
  where r.user_id = p_user
  for update;
  v_now := clock_timestamp();
  v_taken := greatest(least(p_wanted, floor(v_tokens)::int), 0);
  update public.prompt_user_rates r
  set tokens = v_tokens - v_taken, counted_at = v_now
  where r.user_id = p_user;
  return query select v_taken, floor(v_tokens)::int - v_taken,
    greatest((1 - (v_tokens - v_taken)) / p_rate, 0)::double precision;
end
$$;
-- <<< take_prompt_requests
