-- Runs of walk-forward folds, the oldest first: of repeats the last counts.
select
  fold, "sample", run_id, {{metric}}::double as value,
  symbol, strategy, timeframe, exit_rule, params_hash,
  params, epoch_us(start_at), epoch_us(end_at), coalesce(periods_per_year, 0)
from runs
where {{condition}} and fold is not null and "sample" in ('in', 'out') and status = 'ok'
order by run_id
