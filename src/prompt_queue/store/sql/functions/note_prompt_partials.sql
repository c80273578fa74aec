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
