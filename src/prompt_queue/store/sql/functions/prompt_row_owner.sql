-- The model and the owner of a row: model_rows.user_id or created_by, whichever exists, unless
-- prompt_queue_settings.row_owner_column names another column.
create or replace function public.prompt_row_owner(p_row_id uuid)
returns table (model_id uuid, user_id uuid)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_column text;
  v_row jsonb;
begin
  select s.row_owner_column into v_column from public.prompt_queue_settings s where s.only_row;
  select to_jsonb(r) into v_row from public.model_rows r where r.id = p_row_id;
  if v_row is null then
    return;
  end if;
  if v_column is not null and not v_row ? v_column then
    raise exception 'model_rows has no column %, which ROW_OWNER_COLUMN names', v_column
      using errcode = 'undefined_column';
  end if;
  if v_column is null and not v_row ?| array['user_id', 'created_by'] then
    raise exception 'model_rows has neither user_id nor created_by'
      using errcode = 'undefined_column',
        hint = 'set PROMPT_QUEUE_ROW_OWNER_COLUMN to the column that names the owner';
  end if;
  return query select
    (v_row ->> 'model_id')::uuid,
    case
      when v_column is not null then (v_row ->> v_column)::uuid
      else coalesce(v_row ->> 'user_id', v_row ->> 'created_by')::uuid
    end;
end
$$;
