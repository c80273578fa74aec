-- The function of 20261125080100 takes one more argument, so its older form has to go.

drop function if exists public.take_prompt_singleton(text, double precision);
