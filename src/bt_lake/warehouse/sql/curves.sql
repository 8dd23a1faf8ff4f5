-- 3. Curves, trades and events.

set variable lake_schema_equity = lake_schema({{schema.equity}});
set variable lake_schema_trades = lake_schema({{schema.trades}});

create or replace temp view lake_curves as
  from read_parquet(lake_paths('equity', getvariable('lake_live').equity), hive_partitioning = false, schema = getvariable('lake_schema_equity'));
create or replace temp view lake_trade_rows as
  from read_parquet(lake_paths('trades', getvariable('lake_live').trades), hive_partitioning = false, schema = getvariable('lake_schema_trades'));

create or replace temp view events as
  from read_parquet(lake_paths('events', getvariable('lake_live').events), hive_partitioning = false, schema = {{schema.events}});

-- runs that are not deleted, in the few columns that their curves need
create or replace temp view lake_shown as
select r.run_id, r.initial_capital, r.time_zone
from read_parquet(lake_paths('runs', getvariable('lake_live').runs), hive_partitioning = false, schema = {{schema.shown}}) r
left join (
  select run_id, max_by(kind, ("at", event_id)) as kind, max("at") as last_at
  from lake_pending_events where kind in ('delete', 'restore') group by run_id
) e using (run_id)
where case
  when e.kind = 'delete' then false
  when e.kind = 'restore' then r.deleted_at is null or e.last_at > r.deleted_at
  else r.deleted_at is null
end;

create or replace temp view trades as
  from lake_trade_rows where run_id in (select run_id from lake_shown);

-- drawdown: the fall from the highest point so far, the capital before the first bar included
create or replace temp view equity as
select
  run_id, ts, equity, cash, exposure, benchmark,
  case when peak > 0 then equity / peak - 1 end as drawdown
from (
  select
    c.*,
    greatest(max(c.equity) over (partition by run_id order by c.ts), r.initial_capital) as peak
  from lake_curves c join lake_shown r using (run_id)
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
    from lake_curves c join lake_shown r using (run_id)
    group by all
  )
);
