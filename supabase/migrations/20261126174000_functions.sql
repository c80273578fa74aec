-- Bundled from store/sql/functions by `make sql-bundle`; edit the files there.

-- >>> note_prompt_alerts
-- Keeps prompt_queue_alerts: p_alerts is an array of {name, about, value, threshold, sentence}, what
-- fires now. An alert that was not there or was over begins; one that is there no longer is over
-- once it was away for p_quiet_seconds, so that a value at its threshold is not told again and
-- again. Returns what began and what is over. Each is also a webhook (alert.firing, alert.resolved)
-- to the endpoints of p_user_id, where the database has enqueue_webhook().
create or replace function public.note_prompt_alerts(
  p_alerts jsonb, p_user_id uuid default null, p_quiet_seconds double precision default 30
)
returns table (
  change text, name text, about text, since timestamptz, value double precision,
  threshold double precision, sentence text
)
language plpgsql
set search_path = ''
set application_name = 'prompt_queue.alerts'
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_webhook boolean := p_user_id is not null
    and to_regprocedure('public.enqueue_webhook(uuid,text,uuid,jsonb)') is not null;
begin
  -- One at a time, so that nothing begins twice.
  perform pg_advisory_xact_lock(hashtext('prompt_queue_alerts'));
  for change, name, about, since, value, threshold, sentence in
    with firing as materialized (
      select distinct on (f.name, coalesce(f.about, '')) f.name, coalesce(f.about, '') as about,
        f.value, f.threshold, f.sentence
      from jsonb_to_recordset(p_alerts) as f (
        name text, about text, value double precision, threshold double precision, sentence text
      )
      order by 1, 2
    ),
    before as materialized (
      select a.name, a.about from public.prompt_queue_alerts a where a.resolved_at is null
    ),
    noted as (
      insert into public.prompt_queue_alerts as a
        (name, about, since, last_seen, value, threshold, sentence)
      select f.name, f.about, v_now, v_now, f.value, f.threshold, f.sentence from firing f
      on conflict (name, about) do update
      set since = case when a.resolved_at is null then a.since else excluded.since end,
        last_seen = excluded.last_seen, resolved_at = null, value = excluded.value,
        threshold = excluded.threshold, sentence = excluded.sentence
      returning a.*
    ),
    over as (
      update public.prompt_queue_alerts a
      set resolved_at = v_now
      where a.resolved_at is null
        and a.last_seen <= v_now - make_interval(secs => p_quiet_seconds)
        and not exists (select from firing f where f.name = a.name and f.about = a.about)
      returning a.*
    )
    select 'firing', n.name, n.about, n.since, n.value, n.threshold, n.sentence
    from noted n
    where not exists (select from before b where b.name = n.name and b.about = n.about)
    union all
    select 'resolved', o.name, o.about, o.since, o.value, o.threshold, o.sentence from over o
  loop
    if v_webhook then
      execute 'select public.enqueue_webhook($1, $2, $3, $4)'
      using p_user_id, 'alert.' || change,
        -- What is told of one alert arrives in its order.
        md5('prompt_queue_alert ' || name || ' ' || about)::uuid,
        jsonb_build_object('name', name, 'about', nullif(about, ''), 'since', since,
          'value', value, 'threshold', threshold, 'sentence', sentence);
    end if;
    return next;
  end loop;
end
$$;
-- <<< note_prompt_alerts
