-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> find_picture_jobs
-- Jobs with pictures of anybody for an operator's list, newest first; see find_prompt_jobs(). status
-- is that of a picture of the job, words are looked for in its error and its prompt.
create or replace function public.find_picture_jobs(
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
set enable_sort = off
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
    when coalesce(f.status, 'failed') not in ('succeeded', 'failed', 'cancelled') and (
      select count(*) from (
        select from public.picture_jobs p
        where p.status = f.status and p.status not in ('succeeded', 'failed', 'cancelled')
        limit p_look
      ) w
    ) < p_look then 'open'
    else 'newest'
  end;
  return query
  with looked as materialized (
    (
      select p.job_id as id, p.created_at from public.picture_jobs p
      where v_path = 'newest' and p.number = 1 and p.created_at >= f.created_after
        and p.created_at <= v_after and (p.created_at, p.job_id) < (v_after, v_after_id)
      order by p.created_at desc, p.job_id desc limit p_look
    )
    union all
    (
      select p.job_id, p.created_at from public.picture_jobs p
      -- Not by the index of all first pictures, in which this user may be far away.
      where v_path = 'user' and p.user_id = f.user_id and p.number + 0 = 1
        and p.created_at >= f.created_after and p.created_at <= v_after
        and (p.created_at, p.job_id) < (v_after, v_after_id)
      order by p.created_at desc, p.job_id desc limit p_look
    )
    union all
    (
      select distinct p.job_id, p.created_at from (
        (
          select k.job_id from public.picture_jobs k
          where v_path = 'id' and k.job_id between f.id_from and f.id_to limit p_look
        )
        union
        (
          select k.job_id from public.picture_jobs k
          where v_path = 'id' and k.prompt_job_id between f.id_from and f.id_to limit p_look
        )
        union
        (
          select k.job_id from public.picture_jobs k
          where v_path = 'id' and k.user_id between f.id_from and f.id_to
          order by k.user_id, k.created_at desc limit p_look
        )
        union
        (
          select k.job_id from public.picture_jobs k
          where v_path = 'open' and k.status = f.status
            and k.status not in ('succeeded', 'failed', 'cancelled')
          limit p_look
        )
      ) w
      cross join lateral (
        select o.job_id, o.created_at from public.picture_jobs o
        where o.job_id = w.job_id and o.number = 1 limit 1
      ) p
      where p.created_at >= f.created_after and (p.created_at, p.job_id) < (v_after, v_after_id)
      order by p.created_at desc, p.job_id desc limit p_look
    )
  ),
  ends as materialized (
    select count(*) as looked_at,
      (select l.created_at from looked l order by l.created_at, l.id limit 1) as created_at,
      (select l.id from looked l order by l.created_at, l.id limit 1) as id
    from looked
  ),
  found as materialized (
    select l.id, l.created_at
    from looked l
    -- The limit keeps it from being turned around.
    cross join lateral (
      select p.number from public.picture_jobs p
      where p.job_id = l.id
        and (f.status is null or p.status = f.status)
        and (f.priority_from is null or p.priority between f.priority_from and f.priority_to)
        and (f.model is null or p.generation_model = f.model)
        and (f.error_code is null or p.error_code = f.error_code)
        and (f.user_id is null or p.user_id = f.user_id)
        and (f.row_id is null or p.row_id = f.row_id)
        and (f.words is null or position(lower(f.words) in lower(p.error)) > 0
          or position(lower(f.words) in lower(p.prompt)) > 0)
      limit 1
    ) fits
    order by l.created_at desc, l.id desc
    limit p_limit
  )
  select e.looked_at, e.created_at, e.id, o.id, o.created_at
  from ends e
  left join found o on true
  order by o.created_at desc, o.id desc;
end
$$;
-- <<< find_picture_jobs
