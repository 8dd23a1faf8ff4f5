-- Runs in sample beside the same configuration's out of sample, in one fold; of repeats the last
-- counts. What decayed most comes first.
with
  sided as (
    select
      run_id, "sample" as side, strategy, symbol, timeframe, exit_rule, params, fold,
      hash(strategy, symbol, timeframe, exit_rule, params_hash, fold) as cell,
      {{metric}}::double as value
    from runs
    where {{condition}} and "sample" in ('in', 'out')
  ),
  newest as (
    select * from sided where value is not null
    qualify row_number() over (partition by cell, side order by run_id desc) = 1
  )
select
  one.strategy, one.symbol, one.timeframe, one.exit_rule, one.fold, one.params,
  one.value as in_sample, other.value as out_of_sample, other.value - one.value as change,
  one.run_id as in_run, other.run_id as out_run
from newest as one join newest as other on one.cell = other.cell
where one.side = 'in' and other.side = 'out'
order by change {{direction}}, in_run
limit $n
