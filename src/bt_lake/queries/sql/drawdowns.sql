-- The deepest falls of some runs. A fall begins at the last point at the peak (NULL: at the capital
-- before the first bar) and ends at the first later point at or above it (NULL: not yet).
with
  curves as (
    select
      run_id, ts, equity,
      greatest(max(equity) over (partition by run_id order by ts), capital) as peak
    from {{points}} as points join (
      select unnest($ids) as run_id, unnest($capitals)::double as capital, unnest($zones) as time_zone
    ) as owners using (run_id)
  ),
  marked as (
    select *, count(*) filter (where equity >= peak) over (partition by run_id order by ts) as spell
    from curves where peak > 0
  ),
  spells as (
    select
      run_id, spell, max(peak) as peak, min(equity) as lowest,
      min(ts) as first_at, max(ts) as last_at, min(ts) filter (where equity >= peak) as peak_at,
      min_by(ts, (equity, ts)) as trough_at
    from marked group by run_id, spell
  ),
  falls as (
    select *, lead(peak_at) over (partition by run_id order by spell) as recovered_at from spells
  ),
  ranked as (
    select *, row_number() over (partition by run_id order by lowest / peak, first_at) as "rank"
    from falls where lowest < peak
  )
select
  run_id, "rank", lowest / peak - 1 as depth, peak_at, trough_at, recovered_at,
  (epoch_us(coalesce(recovered_at, last_at)) - epoch_us(first_at)) / 86400000000 as days,
  (epoch_us(trough_at) - epoch_us(first_at)) / 86400000000 as days_down
from ranked where "rank" <= $n
order by run_id, "rank"
