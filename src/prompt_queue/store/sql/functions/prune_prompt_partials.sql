-- Deletes texts whose call is over; prompt_partial() does not show them any more. Returns how many.
create or replace function public.prune_prompt_partials()
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_pruned bigint;
begin
  with over as (
    select p.job_id from public.prompt_partials p
    where not exists (
      select from public.prompt_job_queue q
      where q.job_id = p.job_id and q.lease_token = p.lease_token
    )
    order by p.job_id
    limit 5000
    for update skip locked
  )
  delete from public.prompt_partials p using over o where p.job_id = o.job_id;
  get diagnostics v_pruned = row_count;
  return v_pruned;
end
$$;
