-- Statements about what users think of prompts and pictures.

-- name: note_feedback
select public.note_prompt_feedback($1, $2, $3, $4, $5, $6) as outcome;

-- name: find_feedback
select to_jsonb(f) as feedback from public.prompt_feedback f
where f.job_id = $1 and f.number = $2 and f.user_id = $3;
