-- Tasks that failed at the provider stay known: one of them is never what a later submit has bought.
--
-- squawk-ignore-file require-concurrent-index-creation

alter table public.picture_jobs
  add column if not exists past_predictions text[] not null default '{}';
comment on column public.picture_jobs.past_predictions is
  'what the provider called tasks of this picture that came to nothing';

create index if not exists picture_jobs_past_predictions_idx
  on public.picture_jobs using gin (past_predictions) where past_predictions <> '{}';
