-- 1. Which files are live. A plain shell lists them like this; Python lists them itself, because
-- a folder that cannot be listed is an error there and none in glob().

-- A path is taken literally, whatever characters a folder's name has.
set variable lake = coalesce(getvariable('lake'), '.');
set variable lake_pattern = regexp_replace(getvariable('lake'), '([*?\[])', '[\1]', 'g');
set variable lake_logs = getvariable('lake_pattern') || '/_log/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].json';

create or replace temp macro lake_path(file) as regexp_extract(
  replace(file, '\', '/'), '\w+/month=\d{4}-\d\d/c-[0-9a-f]{32}\.parquet$');
create or replace temp macro lake_text(file) as (
  select case when count(*) = 0
    then error('the lake changed while it was being opened: open it again') else any_value(content)
  end
  from read_text(regexp_replace(file, '([*?\[])', '[\1]', 'g')));

-- The newest epoch first, then events, commits, and their children. A child is published before
-- its commit, so every commit that is listed has all of them; an event comes after the commit
-- of its run, so every event that is listed finds its run.
set variable lake_log = (
  select {
    file: case when max(file) is null
      then error('no _log in this folder: start duckdb in the lake''s folder: cd lake && duckdb -init lake.sql')
      else max(file)
    end,
    opened_ms: epoch_ms(get_current_timestamp())
  }
  from glob(getvariable('lake_logs'))
);
set variable lake_content = lake_text(getvariable('lake_log').file);
set variable lake_event_commits = (
  select coalesce(list(lake_path(file)), []) from glob(getvariable('lake_pattern') || '/events/month=*/c-*.parquet')
);
set variable lake_commits = (
  select coalesce(list(lake_path(file)), []) from glob(getvariable('lake_pattern') || '/runs/month=*/c-*.parquet')
);
-- What belongs to a commit has its month and name. An id of version 8 says what there is; of
-- older ones it is looked for. (All at once where the folder's name has to be escaped: DuckDB
-- would list it once for each.)
set variable lake_older = (
  select coalesce(list(path[5:]), [])
  from (select unnest(getvariable('lake_commits')) as path)
  where path <> '' and path[-28] <> '8'
);
create or replace temp macro lake_children(child) as case
  when getvariable('lake_pattern') <> getvariable('lake') and len(getvariable('lake_older')) > 0
    then [getvariable('lake_pattern') || '/' || child || '/month=*/c-*.parquet']
  else [getvariable('lake_pattern') || '/' || child || rest for rest in getvariable('lake_older')]
end;
set variable lake_found = (
  select coalesce(list(lake_path(file)), [])
  from glob(list_concat(lake_children('equity'), lake_children('trades')))
);
