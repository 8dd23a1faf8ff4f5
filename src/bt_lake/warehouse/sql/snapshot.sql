-- 1. Which files are live. This is the read rule of the lake; Python runs these same lines.

-- A path is taken literally, whatever characters a folder's name has.
create or replace temp macro lake_literal(path) as regexp_replace(path, '([*?\[])', '[\1]', 'g');

set variable lake = coalesce(getvariable('lake'), '.');
set variable lake_glob = lake_literal(getvariable('lake'));
set variable lake_format = (
  select case
    when (content ->> 'format')::int > {{format}}
    then error('this lake is in format ' || (content ->> 'format') || '; this lake.sql reads up to format {{format}}: upgrade bt-lake')
    else (content ->> 'format')::int
  end
  from read_text(getvariable('lake_glob') || '/lake.json')
);

-- The newest epoch first, then events, commits, and their children. A child is published before
-- its commit, so every commit that is listed has all of them; an event comes after the commit
-- of its run, so every event that is listed finds its run.
set variable lake_log = (
  select {file: max(file), opened_ms: epoch_ms(get_current_timestamp())}
  from glob(getvariable('lake_glob') || '/_log/*.json')
);
set variable lake_state = (
  select from_json(content, '{
    "epoch": "BIGINT", "grace_s": "DOUBLE", "removed": "MAP(VARCHAR, DOUBLE)",
    "adds": [{"table": "VARCHAR", "path": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT",
              "min_run_id": "VARCHAR", "max_run_id": "VARCHAR", "folded": "BOOLEAN"}]}')
  from read_text(lake_literal(getvariable('lake_log').file))
);
set variable lake_event_commits = (
  select list(file) from glob(getvariable('lake_glob') || '/events/month=*/c-*.parquet')
);
set variable lake_commits = (
  select list(file) from glob(getvariable('lake_glob') || '/runs/month=*/c-*.parquet')
);

-- Live files: the commits' (c-) that no epoch has removed, and maintenance's (m-) that the
-- newest epoch lists. Children of a commit whose `runs` file is not live do not exist.
-- A zero-row file of each table leads its list, so that no list is empty.
create or replace temp macro lake_paths(seed, path, wanted) as
  [getvariable('lake') || '/_seed/' || seed || '.parquet']
  || coalesce(list(getvariable('lake_glob') || '/' || lake_literal(path) order by path) filter (wanted), []);
set variable lake_live = (
  with
    found as (
      select 'runs' as "table", unnest(getvariable('lake_commits')) as file
      union all select 'events', unnest(getvariable('lake_event_commits'))
      union all select 'equity', file from glob(getvariable('lake_glob') || '/equity/month=*/c-*.parquet')
      union all select 'trades', file from glob(getvariable('lake_glob') || '/trades/month=*/c-*.parquet')
    ),
    listed as (
      select
        "table",
        "table" || '/' || replace(regexp_extract(file, '[^/\\]+[/\\][^/\\]+$'), '\', '/') as path,
        regexp_extract(file, 'c-([^/\\]*)\.parquet$', 1) as commit_id
      from found
    ),
    standing as (
      from listed where path not in (select unnest(map_keys(getvariable('lake_state').removed)))
    ),
    live as (
      select "table", path, commit_id from standing
      where
        "table" in ('runs', 'events')
        or commit_id in (select commit_id from standing where "table" = 'runs')
      union all by name
      select unnest(getvariable('lake_state').adds, recursive := true)
    )
  select {
    runs: lake_paths('runs', path, "table" = 'runs'),
    equity: lake_paths('equity', path, "table" = 'equity'),
    trades: lake_paths('trades', path, "table" = 'trades'),
    events: lake_paths('events', path, "table" = 'events'),
    pending: lake_paths('events', path, "table" = 'events' and folded is not true),
    files: list(live)
  }
  from live
);

-- Removed files stay for a grace period; whoever was held up longer than that starts over.
set variable lake_checked = (
  select case
    when max(file) <> getvariable('lake_log').file
      and epoch_ms(get_current_timestamp()) - getvariable('lake_log').opened_ms >= 1000 * getvariable('lake_state').grace_s
    then error('the lake changed while it was being opened: open it again')
  end
  from glob(getvariable('lake_glob') || '/_log/*.json')
);
