-- Notes in the caller's transaction that whoever asked for a job wants to be told of its end at
-- p_url; p_events are types of messages, none means all. p_subject is the job by which messages are
-- kept in order. The user's secret for such webhooks is made where there is none.
create or replace function public.want_webhook(
  p_job_id uuid, p_user_id uuid, p_url text, p_events text[] default '{}', p_subject uuid default null
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.webhook_secrets (user_id, secret)
  values (p_user_id, public.new_webhook_secret())
  on conflict (user_id) do nothing;
  insert into public.webhook_requests (job_id, user_id, subject, url, events)
  values (p_job_id, p_user_id, coalesce(p_subject, p_job_id), p_url, coalesce(p_events, '{}'))
  on conflict (job_id) do nothing;
end
$$;
