-- What a Supabase project opens to the web by default, closed for all that is ours.

-- The list of applied migrations, where this project's own runner keeps one.
do $$
begin
  if to_regclass('public.prompt_queue_migrations') is not null then
    drop policy if exists prompt_queue_service on public.prompt_queue_migrations;
    create policy prompt_queue_service on public.prompt_queue_migrations for all to current_user
      using (true) with check (true);
    alter table public.prompt_queue_migrations force row level security;
  end if;
end
$$;

-- Neighbours that the first migration made, because there were none, are ours to close; whatever
-- was there before is not. They are told by exactly the columns and indexes that it gives them, and
-- closed only where there is a web to close them to: elsewhere other roles of the user may use them.
do $$
declare
  v_made text[] := '{}';
begin
  if to_regrole('anon') is null or to_regrole('authenticated') is null then
    return;
  end if;
  if to_regclass('public.jobs_row_id_idx') is not null
    and (
      select array_agg(attname::text order by attname)
      from pg_attribute
      where attrelid = 'public.jobs'::regclass and attnum > 0 and not attisdropped
    ) = array[
      'created_at', 'error', 'id', 'model_id', 'prompt_job_id', 'prompt_status',
      'request_payload', 'row_id', 'status', 'updated_at', 'user_id'
    ]
  then
    v_made := array_append(v_made, 'jobs');
  end if;
  if to_regclass('public.model_rows_user_id_idx') is not null
    and to_regclass('public.model_rows_model_id_idx') is not null
    and (
      select array_agg(attname::text order by attname)
      from pg_attribute
      where attrelid = 'public.model_rows'::regclass and attnum > 0 and not attisdropped
    ) = array[
      'created_at', 'id', 'model_id', 'prompt', 'ref_urls', 'status', 'target_url',
      'updated_at', 'user_id'
    ]
  then
    v_made := array_append(v_made, 'model_rows');
    if (
      select array_agg(attname::text order by attname)
      from pg_attribute
      where attrelid = 'public.models'::regclass and attnum > 0 and not attisdropped
    ) = array['created_at', 'id', 'name', 'user_id']
    then
      v_made := array_append(v_made, 'models');
    end if;
  end if;
  for i in 1 .. coalesce(array_length(v_made, 1), 0) loop
    -- A policy means that somebody has taken it in hand already.
    continue when exists (
      select from pg_policy where polrelid = to_regclass(format('public.%I', v_made[i]))
    );
    execute format('alter table public.%I enable row level security', v_made[i]);
    execute format('alter table public.%I force row level security', v_made[i]);
    execute format(
      'create policy prompt_queue_service on public.%I for all to current_user '
      'using (true) with check (true)', v_made[i]
    );
    execute format('grant select on public.%I to authenticated', v_made[i]);
    execute format(
      'create policy owners_read on public.%I for select to authenticated '
      'using (user_id = (select auth.uid()))', v_made[i]
    );
    if to_regrole('service_role') is not null then
      execute format(
        'create policy prompt_queue_service_role on public.%I for all to service_role '
        'using (true) with check (true)', v_made[i]
      );
    end if;
  end loop;
end
$$;

-- Default privileges of a project give the web every right to new tables and sequences.
do $$
declare
  v_table regclass;
  v_sequence regclass;
  v_role text;
begin
  for v_table in
    select polrelid::regclass from pg_policy where polname = 'prompt_queue_service'
  loop
    foreach v_role in array array['anon', 'authenticated'] loop
      continue when to_regrole(v_role) is null;
      execute format('revoke all on %s from %I', v_table, v_role);
      if v_role = 'authenticated' and exists (
        select from pg_policy where polrelid = v_table and polname = 'owners_read'
      ) then
        execute format('grant select on %s to authenticated', v_table);
      end if;
      for v_sequence in
        select d.objid::regclass
        from pg_depend d
        join pg_class c on c.oid = d.objid and c.relkind = 'S'
        where d.refobjid = v_table and d.classid = 'pg_class'::regclass
      loop
        execute format('revoke all on sequence %s from %I', v_sequence, v_role);
      end loop;
    end loop;
  end loop;
end
$$;

-- Supabase Realtime tells owners of their jobs: it honours the policies above.
do $$
declare
  v_table text;
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime' and not puballtables)
  then
    return;
  end if;
  foreach v_table in array array['prompt_generation_jobs', 'picture_jobs'] loop
    if not exists (
      select from pg_publication_tables
      where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = v_table
    ) then
      execute format('alter publication supabase_realtime add table public.%I', v_table);
    end if;
  end loop;
exception when insufficient_privilege then
  raise notice 'prompt-queue: the owner of supabase_realtime can add prompt_generation_jobs and picture_jobs to it';
end
$$;
