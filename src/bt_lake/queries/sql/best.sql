-- The best runs by one metric. The metric alone is read first, for the last value that is good
-- enough; then the wide rows of the few row groups that hold so good a value.
select row_number() over (order by {{metric}} {{direction}}, run_id) as "rank", {{columns}}
from runs
where {{condition}} and {{metric}} {{reaches}} ({{nth_value}})
order by "rank" limit $n
