-- How alike the daily returns of some runs are, over the days that two have in common: each
-- curve's days are those of its own time zone.
with
  closes as (
    select
      run_id,
      date_trunc('day', timezone(coalesce(time_zone::varchar, 'UTC'), ts)) as day,
      max_by(equity, ts) as equity
    from {{points}} as points join (
      select unnest($ids) as run_id, unnest($zones::varchar[]) as time_zone
    ) as owners using (run_id)
    group by run_id, day
  ),
  returns as (
    select run_id, day, equity / lag(equity) over (partition by run_id order by day) - 1 as r
    from closes
    qualify lag(equity) over (partition by run_id order by day) > 0
  )
select a.run_id, b.run_id, count(*), case when stddev_pop(a.r) > 0 and stddev_pop(b.r) > 0 then corr(a.r, b.r) end
from returns a join returns b on a.day = b.day and a.run_id < b.run_id
group by a.run_id, b.run_id
