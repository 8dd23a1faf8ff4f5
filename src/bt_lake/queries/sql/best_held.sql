-- The best runs by one metric, of rows in memory: one pass is the quickest.
select row_number() over () as "rank", {{columns}}
from (
  from runs where {{condition}} and {{metric}} is not null
  order by {{metric}} {{direction}}, run_id limit $n
) as runs
