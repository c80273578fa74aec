-- 32 bytes to sign with, in the spelling of Standard Webhooks; 244 of their bits are random.
create or replace function public.new_webhook_secret()
returns text
language sql
volatile
set search_path = ''
as $$
  select 'whsec_' || encode(
    decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 'base64'
  )
$$;
