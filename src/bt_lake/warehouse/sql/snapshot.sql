-- the 13th digit of an id says whether the 17th says which children there are
create or replace temp macro lake_child(child, digits) as table (
  select child || path[5:] as path
  from (select unnest(getvariable('lake_standing').commits) as path)
  where path[:5] = 'runs/' and path[-28] = '8' and path[-24] in digits
);
set variable lake_live = (
  with
    log as materialized (
      select from_json(getvariable('lake_content'), '{"grace_s": "DOUBLE", "adds": [{
        "table": "VARCHAR", "path": "VARCHAR", "rows": "BIGINT", "bytes": "BIGINT",
        "min_run_id": "VARCHAR", "max_run_id": "VARCHAR", "folded": "BOOLEAN"}]}') as state
    ),
    children as (
      from lake_child('equity', ['9', 'b'])
      union all
      from lake_child('trades', ['a', 'b'])
      union all
      select distinct path from (select unnest(getvariable('lake_found')) as path)
      where 'runs' || path[7:] in (select unnest(getvariable('lake_standing').commits))
        and path[-28] <> '8'
    ),
    live as (
      select split_part(path, '/', 1) as "table", path, split_part(path, '/c-', 2)[:-9] as commit_id
      from (
        select unnest(getvariable('lake_standing').commits) as path
        union all
        from children
        where path not in (select unnest(getvariable('lake_standing').lost_children))
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
