-- Inserts into jobs those of the values whose columns it has: the table may belong to the user.
create or replace function public.insert_row_of_jobs(p_values jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_columns text;
begin
  select string_agg(quote_ident(a.attname), ', ') into v_columns
  from pg_attribute a
  where a.attrelid = 'public.jobs'::regclass and a.attnum > 0 and not a.attisdropped
    and p_values ? a.attname;
  execute format(
    'insert into public.jobs (%1$s) select %1$s from jsonb_populate_record(null::public.jobs, $1)',
    v_columns
  ) using p_values;
end
$$;
