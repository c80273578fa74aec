-- Prompt jobs of anybody for an operator's list, newest first, by a filter that may be anything:
-- p_filter has status, priority_from, priority_to, model, source, error_code, user_id, row_id,
-- created_after, created_before, words (within error or prompt), and id_from and id_to (of the job,
-- its row or its user). At most p_look jobs are looked at, found by what narrows the filter most;
-- looked_at says how many were, and last_created_at and last_id where to go on. One row without an
-- id where none fits.
create or replace function public.find_prompt_jobs(
  p_filter jsonb,
  p_limit int,
  p_after timestamptz default null,
  p_after_id uuid default null,
  p_look int default 5000
)
returns table (
  looked_at bigint, last_created_at timestamptz, last_id uuid, id uuid, created_at timestamptz
)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
  f record;
  v_path text;
  v_after timestamptz := coalesce(p_after, 'infinity');
  v_after_id uuid := coalesce(p_after_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
begin
  select * into f from jsonb_to_record(p_filter) as r (
    status text, priority_from int, priority_to int, model text, source text, error_code text,
    user_id uuid, row_id uuid, created_after timestamptz, created_before timestamptz, words text,
    id_from uuid, id_to uuid
  );
  f.created_after := coalesce(f.created_after, '-infinity');
  v_after := least(v_after, coalesce(f.created_before, 'infinity'));
  v_path := case
    when f.id_from is not null then 'id'
    when f.user_id is not null then 'user'
    when f.row_id is not null then 'row'
    when f.status = 'processing' then 'leased'
    when f.status = 'failed' or f.error_code is not null then 'error'
    -- Few wait: they are all looked at. Many wait: there are some among the newest.
    when coalesce(f.status, '') = 'queued' and (
      select count(*) from (
        select from public.prompt_job_queue q where q.state <> 'leased'
        order by q.job_id limit p_look
      ) w
    ) < p_look then 'waiting'
    else 'newest'
  end;
  return query
  with looked as materialized (
    (
      select j.id, j.created_at from public.prompt_generation_jobs j
      where v_path = 'newest' and j.created_at >= f.created_after
        and j.created_at <= v_after and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc limit p_look
    )
    union all
    (
      select j.id, j.created_at from public.prompt_generation_jobs j
      where v_path = 'error' and j.error_code is not null and j.created_at >= f.created_after
        and j.created_at <= v_after and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc limit p_look
    )
    union all
    (
      select j.id, j.created_at from public.prompt_generation_jobs j
      where v_path = 'user' and j.user_id = f.user_id and j.created_at >= f.created_after
        and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc limit p_look
    )
    union all
    (
      select o.id, o.created_at from (
        select j.id, j.created_at from public.prompt_generation_jobs j
        where v_path = 'row' and j.row_id = f.row_id limit p_look
      ) o
      where o.created_at >= f.created_after and (o.created_at, o.id) < (v_after, v_after_id)
      order by o.created_at desc, o.id desc
    )
    union all
    (
      select j.id, j.created_at from (
        (
          select q.job_id from public.prompt_job_queue q
          where v_path = 'leased' and q.state = 'leased' limit p_look
        )
        union all
        (
          select q.job_id from public.prompt_job_queue q
          where v_path = 'waiting' and q.state <> 'leased' order by q.job_id limit p_look
        )
      ) w
      cross join lateral (
        select o.id, o.created_at from public.prompt_generation_jobs o
        where o.id = w.job_id limit 1
      ) j
      where j.created_at >= f.created_after and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc
    )
    union all
    (
      select j.id, j.created_at from (
        (
          select k.id from public.prompt_generation_jobs k
          where v_path = 'id' and k.id between f.id_from and f.id_to limit p_look
        )
        union
        (
          select k.id from public.prompt_generation_jobs k
          where v_path = 'id' and k.row_id between f.id_from and f.id_to limit p_look
        )
        union
        (
          select k.id from public.prompt_generation_jobs k
          where v_path = 'id' and k.user_id between f.id_from and f.id_to
          order by k.user_id, k.created_at desc, k.id desc limit p_look
        )
      ) w
      cross join lateral (
        select o.id, o.created_at from public.prompt_generation_jobs o where o.id = w.id limit 1
      ) j
      where j.created_at >= f.created_after and (j.created_at, j.id) < (v_after, v_after_id)
      order by j.created_at desc, j.id desc limit p_look
    )
  ),
  ends as materialized (
    select count(*) as looked_at,
      (select l.created_at from looked l order by l.created_at, l.id limit 1) as created_at,
      (select l.id from looked l order by l.created_at, l.id limit 1) as id
    from looked
  ),
  found as materialized (
    select j.id, j.created_at
    from looked l
    -- The limit keeps it from being turned around.
    cross join lateral (
      select * from public.prompt_generation_jobs o where o.id = l.id limit 1
    ) j
    where (f.status is null or j.status = f.status)
      and (f.priority_from is null or j.priority between f.priority_from and f.priority_to)
      and (f.model is null or j.model in (f.model, 'stand-in:' || f.model))
      and (f.source is null or j.source = f.source)
      and (f.error_code is null or j.error_code = f.error_code)
      and (f.user_id is null or j.user_id = f.user_id)
      and (f.row_id is null or j.row_id = f.row_id)
      and (f.words is null or position(lower(f.words) in lower(j.error)) > 0
        or position(lower(f.words) in lower(j.generated_prompt)) > 0)
    order by l.created_at desc, l.id desc
    limit p_limit
  )
  select e.looked_at, e.created_at, e.id, o.id, o.created_at
  from ends e
  left join found o on true
  order by o.created_at desc, o.id desc;
end
$$;
