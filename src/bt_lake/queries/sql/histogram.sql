-- A metric in equal steps. A few runs far out would press all others into one step: the
-- outermost half percent at each end goes into the first and the last one.
with
  found as materialized (
    select ({{metric}})::double as value from runs where {{condition}}
  ),
  ends as (
    select min(value) as lowest, max(value) as highest, quantile_cont(value, [0.005, 0.995]) as q
    from found where value is not null
  )
select
  case
    when q[2] > q[1] then least(greatest(floor((value - q[1]) / (q[2] - q[1]) * $bins), 0), $bins - 1)
    else 0
  end::int as step,
  count(*) as runs, q[1], q[2], lowest, highest
from found, ends where value is not null
group by all order by step
