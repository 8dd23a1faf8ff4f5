-- A commit that maintenance has taken in already and that came back, from a backup put over the
-- lake, is no commit any more: its id is in the rows of a compacted file, its events are in one.
set variable lake_returned = (
  select coalesce(list(split_part(path, '/c-', 2)[:-9]), [])
  from (select unnest(getvariable('lake_standing').commits) as path)
  where split_part(path, '/c-', 2)[:-9] <= coalesce(getvariable('lake_content') ->> 'folded_to', '')
);
create or replace temp macro lake_compacted(of_table) as (
  select coalesce(list(getvariable('lake_pattern') || '/' || lake_maintained(add.path, of_table)), [])
  from (
    select unnest(from_json(getvariable('lake_content') -> 'adds',
      '[{"table": "VARCHAR", "path": "VARCHAR"}]')) as add
  )
  where add."table" = of_table
);
set variable lake_compacted_runs = lake_compacted('runs');
set variable lake_compacted_events = lake_compacted('events');
set variable lake_returned_events = (
  select coalesce(list(getvariable('lake_pattern') || '/' || path), [])
  from (select unnest(getvariable('lake_standing').commits) as path)
  where path[:7] = 'events/'
    and list_contains(getvariable('lake_returned'), split_part(path, '/c-', 2)[:-9])
);
set variable lake_doubles = (
  select coalesce(list(commit_id), []) from query(case
    when len(getvariable('lake_returned')) = 0 or len(getvariable('lake_compacted_runs')) = 0
    then 'select null::varchar as commit_id where false'
    else 'select distinct commit_id from read_parquet(getvariable(''lake_compacted_runs''), hive_partitioning = false,
      schema = map {2: {name: ''commit_id'', type: ''VARCHAR'', default_value: NULL}})
      where commit_id in (select unnest(getvariable(''lake_returned'')))'
  end || case
    when len(getvariable('lake_returned_events')) = 0 or len(getvariable('lake_compacted_events')) = 0
    then ''
    else ' union all select split_part(replace(filename, ''\'', ''/''), ''/c-'', 2)[:-9]
      from read_parquet(getvariable(''lake_returned_events''), hive_partitioning = false, filename = true,
        schema = map {1: {name: ''event_id'', type: ''VARCHAR'', default_value: NULL}})
      group by filename
      having bool_and(event_id in (select event_id from read_parquet(getvariable(''lake_compacted_events''),
        hive_partitioning = false,
        schema = map {1: {name: ''event_id'', type: ''VARCHAR'', default_value: NULL}})))'
  end)
);
set variable lake_standing = {
  commits: list_filter(getvariable('lake_standing').commits,
    lambda path: not list_contains(getvariable('lake_doubles'), split_part(path, '/c-', 2)[:-9])),
  lost_children: getvariable('lake_standing').lost_children
};
