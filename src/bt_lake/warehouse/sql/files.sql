-- the live files, as the newest epoch and the folders list them
create or replace temp view lake_files as
select
  "table" as table_name, path, commit_id, rows, bytes, min_run_id, max_run_id,
  coalesce(folded, false) as folded
from (select unnest(getvariable('lake_live').files, recursive := true));
