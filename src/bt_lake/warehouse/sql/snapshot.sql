-- 1. Which files are live. This is the read rule of the lake; Python runs these same lines.

-- A path is taken literally, whatever characters a folder's name has.
set variable lake = coalesce(getvariable('lake'), '.');
set variable lake_pattern = regexp_replace(getvariable('lake'), '([*?\[])', '[\1]', 'g');
set variable lake_logs = getvariable('lake_pattern') || '/_log/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9].json';

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
set variable lake_event_commits = (
  select list(file) from glob(getvariable('lake_pattern') || '/events/month=*/c-*.parquet')
);
set variable lake_commits = (
  select list(file) from glob(getvariable('lake_pattern') || '/runs/month=*/c-*.parquet')
);

-- Live files: the commits' (c-) that no epoch has removed, and maintenance's (m-) that the
-- newest epoch lists. Children of a commit whose `runs` file is not live do not exist.
set variable lake_live = (
  with
    log as materialized (
      select from_json(content, '{
        "epoch": "BIGINT", "grace_s": "DOUBLE", "removed": "MAP(VARCHAR, DOUBLE)",
        "adds": [{"table": "VARCHAR", "path": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT",
                  "min_run_id": "VARCHAR", "max_run_id": "VARCHAR", "folded": "BOOLEAN"}]}') as state
      from read_text(regexp_replace(getvariable('lake_log').file, '([*?\[])', '[\1]', 'g'))
    ),
    found as (
      select unnest(list_concat(getvariable('lake_event_commits'), getvariable('lake_commits'))) as file
      union all
      select file from glob([
        getvariable('lake_pattern') || '/equity/month=*/c-*.parquet',
        getvariable('lake_pattern') || '/trades/month=*/c-*.parquet'])
    ),
    standing as (
      select
        split_part(path, '/', 1) as "table", path, split_part(path, '/c-', 2)[:-9] as commit_id
      from (
        select regexp_extract(
          replace(file, '\', '/'), '\w+/month=\d{4}-\d\d/c-[0-9a-f]{32}\.parquet$') as path
        from found
      )
      where path <> '' and path not in (select unnest(map_keys(state.removed)) from log)
    ),
    live as (
      select "table", path, commit_id from standing
      where
        "table" in ('runs', 'events')
        or commit_id in (select commit_id from standing where "table" = 'runs')
      union all by name
      select unnest(state.adds, recursive := true) from log
    )
  select {
    runs: list(path) filter ("table" = 'runs'),
    equity: list(path) filter ("table" = 'equity'),
    trades: list(path) filter ("table" = 'trades'),
    events: list(path) filter ("table" = 'events'),
    pending: list(path) filter ("table" = 'events' and folded is not true),
    files: list(live),
    grace_ms: 1000 * (select state.grace_s from log)
  }
  from live
);

-- Removed files stay for a grace period; whoever was held up longer than that starts over.
set variable lake_newest = (select max(file) from glob(getvariable('lake_logs')));
set variable lake_checked = (
  select case
    when getvariable('lake_newest') <> getvariable('lake_log').file
      and epoch_ms(get_current_timestamp()) - getvariable('lake_log').opened_ms
        >= least(getvariable('lake_live').grace_ms, 1000 * (content ->> 'grace_s')::double)
    then error('the lake changed while it was being opened: open it again')
  end
  from read_text(regexp_replace(getvariable('lake_newest'), '([*?\[])', '[\1]', 'g'))
);
