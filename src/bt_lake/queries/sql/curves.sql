-- Equity curves of some runs, from the few files that hold them. drawdown: the fall from the
-- highest point so far, the capital before the first bar included.
select
  run_id, ts, equity, cash, exposure, benchmark,
  case when peak > 0 then equity / peak - 1 end as drawdown
from (
  select
    points.*,
    greatest(max(equity) over (partition by run_id order by ts), capital) as peak
  from {{points}} as points join (
    select unnest($ids) as run_id, unnest($capitals)::double as capital, unnest($zones) as time_zone
  ) as owners using (run_id)
)
order by run_id, ts
