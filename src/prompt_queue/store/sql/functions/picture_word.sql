-- How a status of picture_jobs is called in jobs.status ('job_words') or model_rows.status
-- ('row_words'): as the settings say, else by the usual words. Null: that column is left alone.
create or replace function public.picture_word(p_words text, p_status text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_words jsonb;
begin
  select to_jsonb(s) -> p_words into v_words from public.prompt_queue_settings s where s.only_row;
  if v_words ? p_status then
    return v_words ->> p_status;
  elsif p_words = 'job_words' then
    return case p_status
      when 'waiting_prompt' then 'queued'
      when 'submitting' then 'queued'
      when 'submission_unknown' then 'submitted'
      else p_status
    end;
  end if;
  return case
    when p_status in ('waiting_prompt', 'queued', 'submitting') then 'queued'
    when p_status = 'succeeded' then 'done'
    when p_status = 'failed' then 'error'
    when p_status = 'cancelled' then 'idle'
    else 'running'
  end;
end
$$;
