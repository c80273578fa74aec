-- Statements about requests that are the same, and texts that are being written.

-- name: join_flights
select j.job_id, j.verdict, j.prompt, j.model, j.strategy from public.join_prompt_flights($1) j;

-- name: note_partials
select public.note_prompt_partials($1);

-- name: prune_partials
select public.prune_prompt_partials() as pruned;

-- name: prune_cache
delete from public.prompt_cache c where c.expires_at < clock_timestamp();
