-- One metric over the values of one or two parameters. What lacks one of them is left out later:
-- a condition here would make DuckDB read every parameter twice.
select {{axes}}, {{how}} as value, count(value) as runs, {{origins}}
from (
  select {{expressions}}, {{metric}}::double as value, metrics_from
  from (select *{{found}} from runs where {{condition}})
)
group by {{axes}}
