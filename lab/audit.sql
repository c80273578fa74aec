-- What the database itself saw, written in the transactions that did it, so that it survives and
-- vanishes with them. lab_settle stands in front of the real function and notes which token each
-- outcome showed.
create table lab_rows (
  id bigint generated always as identity, xid xid8 not null default pg_current_xact_id(),
  job_id uuid not null, old_status text, new_status text, old_prompt text, new_prompt text,
  at timestamptz not null default clock_timestamp()
);
create table lab_leases (
  id bigint generated always as identity, xid xid8 not null default pg_current_xact_id(),
  job_id uuid not null, old_token uuid, new_token uuid, gone boolean not null, worker text,
  at timestamptz not null default clock_timestamp()
);
create table lab_settles (
  id bigint generated always as identity, xid xid8 not null default pg_current_xact_id(),
  job_id uuid not null, token uuid, outcome text not null,
  at timestamptz not null default clock_timestamp()
);

create function lab_note_row() returns trigger language plpgsql as $$
begin
  insert into public.lab_rows (job_id, old_status, new_status, old_prompt, new_prompt)
  values (coalesce(new.id, old.id), old.status, new.status,
    old.generated_prompt, new.generated_prompt);
  return null;
end
$$;
create trigger lab_rows after insert or update or delete on public.prompt_generation_jobs
for each row execute function lab_note_row();

create function lab_note_lease() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.lease_token is distinct from new.lease_token then
    insert into public.lab_leases (job_id, old_token, new_token, gone, worker)
    values (old.job_id, old.lease_token, new.lease_token, tg_op = 'DELETE',
      coalesce(new.worker, old.worker));
  end if;
  return null;
end
$$;
create trigger lab_leases after update or delete on public.prompt_job_queue
for each row execute function lab_note_lease();

alter function public.settle_prompt_jobs(jsonb) rename to settle_prompt_jobs_unwatched;
create function public.settle_prompt_jobs(p_outcomes jsonb)
returns table (job_id uuid, applied boolean, status text)
language plpgsql as $$
begin
  insert into public.lab_settles (job_id, token, outcome)
  select o.job_id, o.lease_token, o.outcome
  from jsonb_to_recordset(p_outcomes) as o (job_id uuid, lease_token uuid, outcome text);
  return query select * from public.settle_prompt_jobs_unwatched(p_outcomes);
end
$$;
