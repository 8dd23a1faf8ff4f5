-- One metric over groups of runs.
select
  {{names}}, runs, failed, n, mean, q[1] as median, std, min, max {{quantiles}} {{share}} {{luck}}
from (
  select
    {{groups}},
    count(*) as runs,
    count(*) filter (is_failed) as failed,
    count(value) as n,
    lake_finite(avg(value)) as mean,
    lake_finite(stddev_samp(value)) as std,
    min(value) as min,
    max(value) as max,
    quantile_cont(value, {{fractions}}) as q,
    avg((value > $above)::int) as share_above
  from (
    select {{expressions}}, status = 'failed' as is_failed, {{metric}}::double as value
    from runs where {{condition}}
  )
  group by {{groups}}
) {{families}}
order by {{order}}
