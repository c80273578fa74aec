-- Statements about rows and models, which are the users'.

-- name: row_owner
select o.model_id, o.user_id from public.prompt_row_owner($1) o;

-- name: create_row
insert into public.model_rows (model_id, user_id, target_url, ref_urls)
values ($1, $2, $3, $4)
returning id, model_id, user_id, target_url, ref_urls, created_at;

-- name: list_rows
select r.id, r.model_id, r.user_id, to_jsonb(r) ->> 'target_url' as target_url, r.created_at
from public.model_rows r
where r.user_id = $1
  and ($2::timestamptz is null or (r.created_at, r.id) < ($2, $3::uuid))
order by r.created_at desc, r.id desc
limit $4;

-- name: default_model
select m.id from public.models m where m.user_id = $1 order by m.created_at, m.id limit 1;

-- name: create_model
insert into public.models (user_id, name) values ($1, $2) returning id;

-- name: owned_model
select m.id from public.models m
where m.id = $1 and (to_jsonb(m) ->> 'user_id' is null or to_jsonb(m) ->> 'user_id' = $2::text);

-- name: seed_demo_user
insert into auth.users (id, email) values ($1, 'demo@localhost') on conflict do nothing;

-- name: seed_demo_model
insert into public.models (id, user_id, name) values ($1, $2, 'Demo') on conflict do nothing;

-- name: seed_demo_row
insert into public.model_rows (id, model_id, user_id) values ($1, $2, $3) on conflict do nothing;
