-- The best n runs of each group by one metric.
with
  candidates as (select run_id, {{metric}} as value, {{groups}} from runs where {{condition}}),
  ranked as materialized (
    select
      * exclude (value),
      row_number() over (partition by {{labels}} order by value {{direction}}, run_id) as "rank"
    from candidates as ranked
    where value is not null
    qualify "rank" <= $n
  )
select {{names}}, ranked."rank", {{columns}}
from runs join ranked using (run_id)
order by {{labels}}, ranked."rank"
