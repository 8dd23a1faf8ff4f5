-- A commit that maintenance has taken in already and that came back, from a backup put over the
-- lake, is no commit any more: its id is in the rows of a compacted file.
set variable lake_returned = (
  select coalesce(list(split_part(path, '/c-', 2)[:-9]), [])
  from (select unnest(getvariable('lake_standing').commits) as path)
  where path[:5] = 'runs/'
    and split_part(path, '/c-', 2)[:-9] <= coalesce(getvariable('lake_content') ->> 'folded_to', '')
);
set variable lake_compacted = (
  select coalesce(list(getvariable('lake_pattern') || '/' || lake_maintained(add.path, 'runs')), [])
  from (
    select unnest(from_json(getvariable('lake_content') -> 'adds',
      '[{"table": "VARCHAR", "path": "VARCHAR"}]')) as add
  )
  where add."table" = 'runs'
);
set variable lake_doubles = (
  select coalesce(list(commit_id), []) from query(case
    when len(getvariable('lake_returned')) = 0 or len(getvariable('lake_compacted')) = 0
    then 'select null::varchar as commit_id where false'
    else 'select distinct commit_id from read_parquet(getvariable(''lake_compacted''), hive_partitioning = false,
      schema = map {2: {name: ''commit_id'', type: ''VARCHAR'', default_value: NULL}})
      where commit_id in (select unnest(getvariable(''lake_returned'')))'
  end)
);
set variable lake_standing = {
  commits: list_filter(getvariable('lake_standing').commits,
    lambda path: not list_contains(getvariable('lake_doubles'), split_part(path, '/c-', 2)[:-9])),
  lost_children: getvariable('lake_standing').lost_children
};
