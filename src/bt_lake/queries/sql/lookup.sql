-- For each key the latest run that fits it exactly; a failed one only where no other fits.
-- Everything is read in one pass: a second one for the rows found costs more than it saves.
with
  keys as materialized (select {{keys}}),
  found as (
    select place, runs.run_id as run_id{{columns}}
    from runs join keys on {{fits}}
    qualify row_number() over (
      partition by place order by status = 'failed', runs.created_at desc, runs.run_id desc
    ) = 1
  )
select {{asked}}, found.* exclude (place)
from keys left join found using (place)
order by keys.place
