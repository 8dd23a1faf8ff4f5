-- Configurations with the same code, params and data that gave different results. A spread of
-- less than a billionth is the rounding of another machine.
with
  made as (
    select
      run_id, created_at, entrypoint, code_hash, data_hash, params, {{same}},
      config ->> '/run/start' as window_start,
      config ->> '/run/end' as window_end,
      config ->> '/run/part' as part,
      {{metrics}}
    from runs
    where status = 'ok' and code_hash is not null and (code_hash, params_hash) in (
      select (code_hash, params_hash) from runs
      where status = 'ok' and code_hash is not null
      group by all having count(*) > 1
    )
  )
select
  strategy,
  symbol,
  any_value(params) as params,
  count(*) as runs,
  arg_min(run_id, (created_at, run_id)) as first_run,
  arg_max(run_id, (created_at, run_id)) as last_run,
  data_hash is not null as data_is_known
from made
group by
  entrypoint, code_hash, data_hash, {{same}}, window_start, window_end, part
having {{differs}}
order by last_run desc
