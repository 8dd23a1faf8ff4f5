-- The best runs by a number that must be computed from each row, such as a parameter: it is
-- computed once, and the wide rows are found by id.
with picked as materialized (
  select row_number() over (order by value {{direction}}, run_id) as "rank", run_id, value
  from (
    select run_id, {{metric}} as value from runs
    where {{condition}} and value is not null
    order by value {{direction}}, run_id limit $n
  )
)
select "rank", {{columns}} from runs join picked using (run_id) order by "rank"
