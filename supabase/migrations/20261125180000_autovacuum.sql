-- Each job leaves dead versions of its row. At PostgreSQL's default of a fifth of the table they
-- add up with every job that is kept; at a fiftieth their number stays flat.
alter table public.prompt_generation_jobs set (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 5000
);
