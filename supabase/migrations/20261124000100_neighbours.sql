-- What prompt-queue expects to find beside it. Everything here is created only where it is absent;
-- tables that exist belong to their owner and are left as they are.

do $$
begin
  if to_regproc('uuid_generate_v4') is null then
    begin
      create extension if not exists "uuid-ossp";
    exception when others then
      raise notice 'uuid-ossp is not to be had here: %', sqlerrm;
    end;
  end if;
  if to_regproc('uuid_generate_v4') is null then
    create function public.uuid_generate_v4() returns uuid
      language sql volatile parallel safe
      as 'select gen_random_uuid()';
  end if;
end
$$;

do $$
begin
  if to_regnamespace('auth') is null then
    create schema auth;
  end if;
  if to_regclass('auth.users') is null then
    create table auth.users (
      id uuid primary key default uuid_generate_v4(),
      email text,
      created_at timestamptz default now()
    );
  end if;
  if to_regclass('public.models') is null then
    create table public.models (
      id uuid primary key default uuid_generate_v4(),
      user_id uuid references auth.users (id) on delete cascade,
      name text,
      created_at timestamptz default now()
    );
  end if;
  if to_regclass('public.model_rows') is null then
    create table public.model_rows (
      id uuid primary key default uuid_generate_v4(),
      model_id uuid not null references public.models (id) on delete cascade,
      user_id uuid not null references auth.users (id) on delete cascade,
      target_url text,
      ref_urls text[],
      prompt text,
      status text not null default 'idle',
      created_at timestamptz default now(),
      updated_at timestamptz default now()
    );
    create index model_rows_user_id_idx on public.model_rows (user_id, created_at desc);
    create index model_rows_model_id_idx on public.model_rows (model_id);
  end if;
  if to_regclass('public.jobs') is null then
    create table public.jobs (
      id uuid primary key default uuid_generate_v4(),
      row_id uuid references public.model_rows (id) on delete cascade,
      model_id uuid references public.models (id) on delete cascade,
      user_id uuid references auth.users (id) on delete cascade,
      status text not null default 'queued',
      request_payload jsonb,
      error text,
      created_at timestamptz default now(),
      updated_at timestamptz default now()
    );
    create index jobs_row_id_idx on public.jobs (row_id);
  end if;
end
$$;

-- Older versions of these three may return something else, which CREATE OR REPLACE cannot change.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
      and p.proname in ('claim_prompt_jobs', 'update_prompt_job_status', 'get_prompt_queue_stats')
  loop
    execute format('drop function %s', v_function);
  end loop;
end
$$;
