-- 1. Which files are live. This is the read rule of the lake; Python runs these same lines.

set variable lake = coalesce(getvariable('lake'), '.');
set variable lake_opened = epoch_ms(get_current_timestamp());

-- A path is taken literally, whatever characters a folder's name has.
create or replace temp macro lake_literal(path) as regexp_replace(path, '([*?\[])', '[\1]', 'g');
create or replace temp macro lake_list(pattern) as table
  select replace(file, '\', '/') as file
  from glob(lake_literal(getvariable('lake')) || pattern);

set variable lake_format = (
  select case
    when (content ->> 'format')::int > {{format}}
    then error('this lake is in format ' || (content ->> 'format') || '; this lake.sql reads up to format {{format}}: upgrade bt-lake')
    else (content ->> 'format')::int
  end
  from read_text(lake_literal(getvariable('lake')) || '/lake.json')
);

-- The newest epoch first, then events, commits, and their children. A child is published before
-- its commit, so every commit that is listed has all of them; an event comes after the commit
-- of its run, so every event that is listed finds its run.
set variable lake_log = (select max(file) from lake_list('/_log/*.json'));
set variable lake_state = (
  select from_json(content, '{
    "epoch": "BIGINT", "grace_s": "DOUBLE", "removed": "MAP(VARCHAR, DOUBLE)",
    "adds": [{"table": "VARCHAR", "path": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT",
              "min_run_id": "VARCHAR", "max_run_id": "VARCHAR", "folded": "BOOLEAN"}]}')
  from read_text(lake_literal(getvariable('lake_log')))
);
set variable lake_event_commits = (select list(file) from lake_list('/events/month=*/c-*.parquet'));
set variable lake_commits = (select list(file) from lake_list('/runs/month=*/c-*.parquet'));

-- Live files: the commits' (c-) that no epoch has removed, and maintenance's (m-) that the
-- newest epoch lists. Children of a commit whose `runs` file is not live do not exist.
create or replace temp table lake_files as
with
  found as (
    select 'runs' as table_name, unnest(getvariable('lake_commits')) as file
    union all select 'equity', file from lake_list('/equity/month=*/c-*.parquet')
    union all select 'trades', file from lake_list('/trades/month=*/c-*.parquet')
    union all select 'events', unnest(getvariable('lake_event_commits'))
  ),
  listed as (
    select table_name, table_name || '/' || regexp_extract(file, '[^/]+/[^/]+$') as path from found
  ),
  removed as (select unnest(map_keys(getvariable('lake_state').removed)) as path),
  standing as (
    select table_name, path, regexp_extract(path, 'c-([^/]*)\.parquet$', 1) as commit_id
    from listed where path not in (select path from removed)
  ),
  maintained as (select unnest(getvariable('lake_state').adds, recursive := true))
select
  table_name, path, commit_id, null::bigint as rows, null::bigint as bytes,
  null::varchar as min_run_id, null::varchar as max_run_id, false as folded
from standing
where
  table_name in ('runs', 'events')
  or commit_id in (select commit_id from standing where table_name = 'runs')
union all by name
select "table" as table_name, * exclude ("table") from maintained;

-- A zero-row file of each table leads its list, so that no list is empty.
create or replace temp macro lake_paths(wanted) as (
  select [getvariable('lake') || '/_seed/' || wanted || '.parquet']
    || coalesce(list(lake_literal(getvariable('lake') || '/' || path) order by path), [])
  from lake_files where table_name = wanted
);
set variable lake_runs = lake_paths('runs');
set variable lake_equity = lake_paths('equity');
set variable lake_trades = lake_paths('trades');
set variable lake_events = lake_paths('events');
set variable lake_pending = (
  select [getvariable('lake') || '/_seed/events.parquet']
    || coalesce(list(lake_literal(getvariable('lake') || '/' || path) order by path), [])
  from lake_files where table_name = 'events' and not folded
);

-- Removed files stay for a grace period; whoever was held up longer than that starts over.
set variable lake_checked = (
  select case
    when max(file) <> getvariable('lake_log')
      and epoch_ms(get_current_timestamp()) - getvariable('lake_opened') >= 1000 * getvariable('lake_state').grace_s
    then error('the lake changed while it was being opened: open it again')
  end
  from lake_list('/_log/*.json')
);

-- Tags, notes and deletions that are not in the rows of `runs` yet are folded in by the view;
-- where there are none, the view is the rows themselves.
set variable lake_trials = case
  when len(getvariable('lake_pending')) = 1 then 'from lake_rows'
  else 'from lake_rows_with_events'
end;
