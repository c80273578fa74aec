-- How far down the ladder a request may go, what it asks for, and where its prompt came from.
--
-- squawk-ignore-file constraint-missing-not-valid, adding-field-with-default

alter table public.prompt_generation_jobs
  add column if not exists min_quality text,
  add column if not exists operation text,
  add column if not exists existing_prompt text,
  add column if not exists user_instructions text,
  add column if not exists identity_consent boolean,
  add column if not exists strategy text,
  add column if not exists degraded boolean;

comment on column public.prompt_generation_jobs.min_quality is
  'model, any_model or template_ok, the default: how far down the ladder the prompt may come from';
comment on column public.prompt_generation_jobs.operation is
  'generate, the default: write a prompt; enhance: make existing_prompt better';
comment on column public.prompt_generation_jobs.identity_consent is
  'the requester says that the people in the pictures agree to be edited; null: not said';
comment on column public.prompt_generation_jobs.strategy is
  'version of the words that made the prompt: the messages to the model, or the template';
comment on column public.prompt_generation_jobs.degraded is
  'the prompt comes from further down the ladder than the first model';

do $$
declare
  v_name text;
  v_check text;
begin
  for v_name, v_check in
    values
      ('prompt_generation_jobs_min_quality_check',
       $q$min_quality in ('model', 'any_model', 'template_ok')$q$),
      ('prompt_generation_jobs_operation_check', $q$operation in ('generate', 'enhance')$q$),
      ('prompt_generation_jobs_enhance_check',
       $q$operation <> 'enhance' or existing_prompt is not null$q$)
  loop
    if not exists (
      select from pg_constraint
      where conrelid = 'public.prompt_generation_jobs'::regclass and conname = v_name
    ) then
      execute format(
        'alter table public.prompt_generation_jobs add constraint %I check (%s) not valid',
        v_name, v_check
      );
      execute format('alter table public.prompt_generation_jobs validate constraint %I', v_name);
    end if;
  end loop;
end
$$;
