-- Monthly returns of some runs: months in the curve's own time zone, chained from the capital
-- before the first bar; a month without points is absent.
with
  ends as (
    select
      run_id,
      date_trunc('month', timezone(coalesce(time_zone::varchar, 'UTC'), ts))::date as month,
      max_by(equity, ts) as last_equity,
      coalesce(any_value(capital), min_by(equity, ts)) as base
    from {{points}} as points join (
      select unnest($ids) as run_id, unnest($capitals)::double as capital, unnest($zones) as time_zone
    ) as owners using (run_id)
    group by run_id, month
  ),
  chained as (
    select
      run_id, month, last_equity,
      coalesce(lag(last_equity) over (partition by run_id order by month), base) as before
    from ends
  )
select run_id, month, case when before > 0 then last_equity / before - 1 end as "return"
from chained
order by run_id, month
