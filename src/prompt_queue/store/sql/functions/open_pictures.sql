-- Pictures that have not ended, by status; those that have are not looked at.
create or replace function public.open_pictures()
returns table (status text, pictures bigint)
language sql
stable
set search_path = ''
set enable_seqscan = off
as $$
  select p.status, count(*) from public.picture_jobs p
  where p.status not in ('succeeded', 'failed', 'cancelled')
  group by p.status
$$;
