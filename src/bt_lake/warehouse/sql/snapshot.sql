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

-- Live files: the commits' (c-) that no epoch has removed with their children, and maintenance's
-- (m-) that the newest epoch lists.
create or replace temp macro lake_path(file) as regexp_extract(
  replace(file, '\', '/'), '\w+/month=\d{4}-\d\d/c-[0-9a-f]{32}\.parquet$');
create or replace temp macro lake_text(file) as (
  select case when count(*) = 0
    then error('the lake changed while it was being opened: open it again') else any_value(content)
  end
  from read_text(regexp_replace(file, '([*?\[])', '[\1]', 'g')));
set variable lake_content = lake_text(getvariable('lake_log').file);
set variable lake_standing = (
  with
    removed as materialized (
      select unnest(json_keys(getvariable('lake_content'), 'removed')) as path
    ),
    listed as (
      select lake_path(unnest(list_concat(getvariable('lake_event_commits'), getvariable('lake_commits')))) as path
    )
  select {
    commits: (
      select coalesce(list(path), []) from listed
      where path <> '' and path not in (from removed)),
    lost_children: (
      select coalesce(list(path), []) from removed where path[:5] not in ('runs/', 'event'))
  }
);
-- A child has the month and the name of its commit: of the thousands that linger none is listed.
-- (Unless the folder's name has to be escaped: DuckDB would list it once for each.)
create or replace temp macro lake_children(child) as case
  when getvariable('lake_pattern') <> getvariable('lake')
    then [getvariable('lake_pattern') || '/' || child || '/month=*/c-*.parquet']
  else [
    getvariable('lake_pattern') || '/' || child || path[5:]
    for path in getvariable('lake_standing').commits if path[:5] = 'runs/']
end;
-- A log may come from anybody: it can name files of its own lake alone.
create or replace temp macro lake_maintained(path, of_table) as case
  when regexp_full_match(path,
      '(runs|equity|trades|events)/month=[0-9]{4}-[0-9]{2}/m-[0-9]{8}-[0-9a-f]{32}\.parquet')
    and split_part(path, '/', 1) = of_table
  then path else error('the log of this lake names what is no data file of it')
end;
set variable lake_live = (
  with
    log as materialized (
      select from_json(getvariable('lake_content'), '{"grace_s": "DOUBLE", "adds": [{
        "table": "VARCHAR", "path": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT",
        "min_run_id": "VARCHAR", "max_run_id": "VARCHAR", "folded": "BOOLEAN"}]}') as state
    ),
    children as (
      select lake_path(file) as path
      from glob(list_concat(lake_children('equity'), lake_children('trades')))
    ),
    live as (
      select split_part(path, '/', 1) as "table", path, split_part(path, '/c-', 2)[:-9] as commit_id
      from (
        select unnest(getvariable('lake_standing').commits) as path
        union all
        from children
        where path not in (select unnest(getvariable('lake_standing').lost_children))
          and 'runs' || path[7:] in (select unnest(getvariable('lake_standing').commits))
      )
      union all by name
      select * replace (lake_maintained(path, "table") as path)
      from (select unnest(state.adds, recursive := true) from log)
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
      and epoch_ms(get_current_timestamp()) - getvariable('lake_log').opened_ms >= least(
        getvariable('lake_live').grace_ms,
        1000 * (lake_text(getvariable('lake_newest')) ->> 'grace_s')::double)
    then error('the lake changed while it was being opened: open it again')
  end
);
