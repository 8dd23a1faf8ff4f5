-- One metric over the values of one or two parameters.
select {{axes}}, {{how}}(value) as value, count(value) as runs
from (select {{expressions}}, {{metric}}::double as value from runs where {{condition}})
where {{present}}
group by {{axes}}
