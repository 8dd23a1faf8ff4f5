-- 2. The rows as they lie in the files, found by Parquet field id: a column that an older
--    file lacks is NULL. (A variable: as a literal, the list costs every question 3 ms.)

set variable lake_schema_runs = {{schema.runs}};
set variable lake_schema_equity = {{schema.equity}};
set variable lake_schema_trades = {{schema.trades}};
set variable lake_schema_events = {{schema.events}};

create or replace temp view lake_rows as
  from read_parquet(getvariable('lake_runs'), hive_partitioning = false, schema = getvariable('lake_schema_runs'));
create or replace temp view lake_curves as
  from read_parquet(getvariable('lake_equity'), hive_partitioning = false, schema = getvariable('lake_schema_equity'));
create or replace temp view lake_trade_rows as
  from read_parquet(getvariable('lake_trades'), hive_partitioning = false, schema = getvariable('lake_schema_trades'));
create or replace temp view lake_pending_events as
  from read_parquet(getvariable('lake_pending'), hive_partitioning = false, schema = getvariable('lake_schema_events'));

create or replace temp macro lake_event_fold() as table
with
  marks as (
    select run_id, value as tag, max_by(kind, ("at", event_id)) as kind, max(("at", event_id)) as place
    from lake_pending_events where kind in ('tag', 'untag') group by run_id, value
  ),
  tagged as (
    select
      run_id,
      list(tag) as touched,
      coalesce(list(tag order by place) filter (kind = 'tag'), []) as added
    from marks group by run_id
  ),
  noted as (
    select run_id, string_agg(value, chr(10) order by "at", event_id) as added_notes
    from lake_pending_events where kind = 'note' group by run_id
  ),
  hidden as (
    select run_id, max_by(kind, ("at", event_id)) as last_kind, max("at") as last_at
    from lake_pending_events where kind in ('delete', 'restore') group by run_id
  )
select run_id, touched, added, added_notes, last_kind, last_at
from tagged full join noted using (run_id) full join hidden using (run_id);

create or replace temp macro lake_rows_with_events() as table
select r.* replace (
  case
    when e.touched is null then r.tags
    else nullif(list_concat(
      list_filter(coalesce(r.tags, []), lambda tag: not list_contains(e.touched, tag)), e.added), [])
  end as tags,
  case
    when e.added_notes is null then r.notes
    else concat_ws(chr(10), r.notes, e.added_notes)
  end as notes,
  case e.last_kind when 'delete' then e.last_at when 'restore' then null else r.deleted_at end as deleted_at
)
from lake_rows r left join lake_event_fold() e using (run_id);

-- 3. What to ask questions of.

-- Every run as a try: deleted and failed ones too.
create or replace temp view trials as from query(getvariable('lake_trials'));

create or replace temp view runs as from trials where deleted_at is null;

create or replace temp view events as
  from read_parquet(getvariable('lake_events'), hive_partitioning = false, schema = getvariable('lake_schema_events'));

create or replace temp view trades as
  from lake_trade_rows where run_id in (select run_id from runs);

-- drawdown: the fall from the highest point so far, the capital before the first bar included
create or replace temp view equity as
select
  run_id, ts, equity, cash, exposure, benchmark,
  case when peak > 0 then equity / peak - 1 end as drawdown
from (
  select
    c.*,
    greatest(max(c.equity) over (partition by run_id order by c.ts), r.initial_capital) as peak
  from lake_curves c join runs r using (run_id)
);

-- months are counted in the curve's own time zone and chained from the base; a month without
-- points is absent
create or replace temp view monthly_returns as
select
  run_id, month,
  case when base > 0 then equity / base - 1 end as "return"
from (
  select
    run_id, month, equity,
    coalesce(lag(equity) over (partition by run_id order by month), first_base) as base
  from (
    select
      run_id,
      date_trunc('month', timezone(coalesce(r.time_zone, 'UTC'), c.ts))::date as month,
      max_by(c.equity, c.ts) as equity,
      coalesce(any_value(r.initial_capital), min_by(c.equity, c.ts)) as first_base
    from lake_curves c join runs r using (run_id)
    group by all
  )
);
