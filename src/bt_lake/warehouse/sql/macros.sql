-- 5. Questions with parameters. A metric is a column of `runs`, one of your own (kept in `extra`),
--    or a parameter as 'param.fast'.
--      from best('sharpe_ratio', n := 5, strategy := 'sma_cross', min_trades := 30);
--      from aggregate('strategy');   from aggregate('param.fast', metric := 'my_score');
--      from sweep('sma_cross', 'fast', 'slow', 'sharpe_ratio');
--      from newest(n := 20);    from drawdowns('<run_id>', n := 5);

-- A row that says so, where no run has the parameter, the metric, or where there is no such label.
create or replace temp macro lake_unknown_param(name) as table
  select lake_refusal('parameter', name, all_of_them) as refusal
  from (select list(distinct known) as all_of_them from (select unnest(json_keys(params)) as known from trials))
  where not exists (from trials where lake_has_param(params, name));
create or replace temp macro lake_unknown_metric(metric) as table
  select refusal from lake_unknown_param(metric[7:]) where starts_with(metric, 'param.')
  union all
  select lake_refusal('metric', metric, [{{metrics}}])
  where
    coalesce(metric, '') not in ({{metrics}}) and not starts_with(coalesce(metric, ''), 'param.')
    and not exists (from trials where {{metric}} is not null);
create or replace temp macro lake_unknown_label(dim) as table
  select refusal from lake_unknown_param(dim[7:])
  where starts_with(dim, 'param.') and exists (from trials)
  union all
  select lake_refusal('label', dim, [{{labels}}])
  where dim not in ({{labels}}) and not starts_with(dim, 'param.');

-- The metric is read alone first, the wide rows of the best second.
create or replace temp macro best(
  metric, n := 10, strategy := null, symbol := null, timeframe := null, min_trades := null,
  ascending := null
) as table
with
  candidates as (
    select
      run_id,
      {{metric}} * case when coalesce(ascending, metric in ({{lower_is_better}})) then -1 else 1 end as score
    from runs
    where
      (strategy is null or runs.strategy = strategy)
      and (symbol is null or runs.symbol = symbol)
      and (timeframe is null or runs.timeframe = timeframe)
      and (min_trades is null or total_trades >= min_trades)
  ),
  picked as materialized (
    select run_id, row_number() over (order by score desc, run_id) as "rank"
    from (
      select run_id, score from candidates where score is not null
      order by score desc, run_id limit n
    )
  ),
  found as (
    select
      "rank", run_id, {{metric}}::double as "value", runs.strategy, runs.symbol, runs.timeframe,
      params, runs.* exclude (run_id, strategy, symbol, timeframe, params, {{hidden}})
    from picked join runs using (run_id)
    union all by name
    select error(refusal)::varchar as run_id from lake_unknown_metric(metric)
  )
-- The condition has the refusal evaluated, whatever columns are asked for.
from found where run_id is not null order by "rank";

-- Groups by a label, a parameter as 'param.fast', or day, week, month, year of the run.
create or replace temp macro aggregate(dim, metric := 'sharpe_ratio') as table
with
  figures as (
    select {{label.dim}} as label, {{metric}}::double as "value", status from runs
  ),
  groups as (
    select
      label,
      count(*) as runs,
      count(*) filter (status = 'failed') as failed,
      count("value") as n,
      lake_finite(avg("value")) as mean,
      median("value") as median,
      lake_finite(stddev_samp("value")) as std,
      min("value") as min,
      max("value") as max,
      quantile_cont("value", 0.25) as q25,
      quantile_cont("value", 0.75) as q75
    from figures group by label
  ),
  found as (
    from groups
    union all by name
    select error(refusal)::bigint as runs from lake_unknown_label(dim)
    union all by name
    select error(refusal)::bigint as runs from lake_unknown_metric(metric)
  )
from found
where runs is not null
order by
  case when dim in ('day', 'week', 'month', 'year') then label end nulls last,
  median * case when metric in ({{lower_is_better}}) then -1 else 1 end desc nulls last,
  lake_number(label) nulls last, label nulls last;

-- Over one or two parameters, or labels; what else differs is averaged over.
create or replace temp macro sweep(strategy, x, y := null, metric := 'sharpe_ratio') as table
with
  points as (
    select {{label.x}} as px, {{label.y}} as py, {{metric}}::double as "value"
    from runs where runs.strategy = strategy
  ),
  found as (
    select px, py, lake_finite(avg("value")) as "value", count("value") as runs
    from points
    where px is not null and (py is not null or y is null)
    group by all
    union all by name
    select error(refusal)::varchar as px from lake_unknown_metric(metric)
    union all by name
    select error('no run of ' || strategy || ' has the parameter ' || x)::varchar as px
    where (select count(*) > 0 and count(px) = 0 from points)
    union all by name
    select error('no run of ' || strategy || ' has the parameter ' || y)::varchar as px
    where y is not null and (select count(*) > 0 and count(py) = 0 from points)
  )
select px as x, py as y, "value", runs
from found
where px is not null
order by lake_number(px) nulls last, px, lake_number(py) nulls last, py;

-- The newest runs.
create or replace temp macro newest(n := 20) as table
with chosen as materialized (
  select run_id from runs order by created_at desc, run_id desc limit n
)
select
  created_at, run_id, strategy, symbol, timeframe, status, total_return, sharpe_ratio,
  max_drawdown, total_trades, params, runs.* exclude (
    {{hidden}},
    created_at, run_id, strategy, symbol, timeframe, status, total_return, sharpe_ratio,
    max_drawdown, total_trades, params)
from runs join chosen using (run_id)
order by created_at desc, run_id desc;

-- The deepest falls of a run, by its whole id: from the last point at the peak (NULL: from the
-- capital before the curve), to the first at the bottom, until the first back at the peak.
create or replace temp macro drawdowns(run, n := 10) as table
with
  points as (
    select
      ts, drawdown,
      sum((drawdown >= 0)::bigint) over (order by ts rows unbounded preceding) as peaks
    from equity where run_id = run and drawdown is not null
  ),
  bottoms as (
    select
      peaks,
      min(ts) filter (drawdown >= 0) as peak_at,
      min(ts) as since,
      min(drawdown) as depth
    from points group by peaks
  ),
  falls as (
    select
      *,
      lead(peak_at) over (order by peaks) as recovered_at,
      (select max(ts) from points) as ending
    from bottoms
  ),
  found as (
    select
      row_number() over (order by depth, trough_at) as "rank", depth, peak_at, trough_at,
      recovered_at,
      (epoch_us(coalesce(recovered_at, ending)) - epoch_us(since)) / 86400000000.0 as days,
      (epoch_us(trough_at) - epoch_us(since)) / 86400000000.0 as days_down
    from (
      select falls.*, min(points.ts) as trough_at
      from falls join points on points.peaks = falls.peaks and points.drawdown = falls.depth
      where depth < 0 group by all
    )
    union all by name
    select error('no run ''' || coalesce(run, 'NULL') || ''': drawdowns takes a whole id')::bigint as "rank"
    where not exists (from lake_shown where run_id = run)
  )
from found where "rank" is not null order by "rank" limit n;
