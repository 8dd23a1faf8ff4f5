-- 2. The runs.

set variable lake_format = (
  select case
    when max(format) is null
    then error('no lake in this folder, or its card lake.json is lost')
    when max(format) > {{format}}
    then error('this lake is in format ' || max(format) || '; this lake.sql reads up to format {{format}}: upgrade bt-lake')
    else max(format)
  end
  from (select (content ->> 'format')::int as format from read_text(getvariable('lake_pattern') || '/lake.json'))
);

-- An undefined number is NULL, never infinite.
create or replace temp macro lake_finite(value) as case when isfinite(value) then value end;

-- A zero-row file of each table leads its list, so that no list is empty.
create or replace temp macro lake_paths(seed, paths) as list_transform(
  list_concat(['_seed/' || seed || '.parquet'], list_sort(paths)),
  lambda path: getvariable('lake_pattern') || '/' || path);

-- The rows as they lie in the files, found by Parquet field id: a column that an older
--    file lacks is NULL. (A variable: as a literal, the list costs every question 3 ms.)

create or replace temp macro lake_schema(columns) as (
  select map(list(id), list({name: name, type: type, default_value: null}))
  from (
    select unnest(from_json(columns, '[{"id": "INTEGER", "name": "VARCHAR", "type": "VARCHAR"}]'),
      recursive := true)
  )
);
set variable lake_schema_runs = lake_schema({{schema.runs}});

create or replace temp view lake_rows as
  from read_parquet(lake_paths('runs', getvariable('lake_live').runs), hive_partitioning = false, schema = getvariable('lake_schema_runs'));
create or replace temp view lake_pending_events as
  from read_parquet(lake_paths('events', getvariable('lake_live').pending), hive_partitioning = false, schema = {{schema.events}});

-- Every run as a try: deleted and failed ones too.
-- Tags, notes and deletions that are not in the rows of `runs` yet are folded in; where there
-- are none, the view is the rows themselves.
create or replace temp view trials as from query(case
  when getvariable('lake_live').pending is null then 'from lake_rows'
  else $$
{{rows_with_events}}
$$ end);

create or replace temp view runs as from query(case
  when getvariable('lake_live').pending is null then 'from lake_rows' else 'from trials'
end || ' where deleted_at is null');
