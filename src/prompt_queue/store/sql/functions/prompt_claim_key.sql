-- The turn of a user's next job within a priority: start-time fair queueing with equal weights.
-- A user who comes anew starts one turn after the head of the lane, a user who has jobs waiting
-- one turn after the last of them, so that ten thousand jobs of one user cost another user's
-- single job one turn. Equal turns go by age.
create or replace function public.prompt_claim_key(p_user_id uuid, p_priority int)
returns bigint
language sql
volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
  select greatest(
    least(
      (
        select q.claim_key + 1
        from public.prompt_job_queue q
        where q.state = 'ready' and q.priority = p_priority
        order by q.claim_key, q.enqueued_at
        limit 1
      ),
      (extract(epoch from clock_timestamp()) * 1000000)::bigint
    ),
    (
      select q.claim_key + 1
      from public.prompt_job_queue q
      where q.state = 'ready' and q.user_id = p_user_id and q.priority = p_priority
      order by q.claim_key desc
      limit 1
    )
  )
$$;
