-- Statements about the keys of servers.

-- name: find_api_key
select k.prefix, k.digest, k.user_id, k.scopes, k.expires_at,
  case when k.old_until > clock_timestamp() then k.old_digest end as old_digest,
  k.revoked_at is null and coalesce(k.expires_at > clock_timestamp(), true) as is_live,
  coalesce(k.last_used_at < clock_timestamp() - interval '1 minute', true) as is_rested
from public.prompt_api_keys k where k.prefix = $1;

-- name: create_api_key
select k.*, true as is_live from public.create_prompt_api_key($1, $2, $3, $4, $5, $6, $7) k;

-- name: rotate_api_key
select k.*, true as is_live from public.rotate_prompt_api_key($1, $2, $3, $4) k;

-- name: revoke_api_key
select public.revoke_prompt_api_key($1, $2) as revoked;

-- name: touch_api_key
select public.touch_prompt_api_key($1) as touched;

-- name: list_api_keys
select k.*,
  k.revoked_at is null and coalesce(k.expires_at > clock_timestamp(), true) as is_live
from public.prompt_api_keys k
order by k.created_at, k.prefix
limit 1000;
