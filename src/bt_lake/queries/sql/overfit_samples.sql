-- The runs that say whether they are in or out of sample, the oldest first.
select run_id, "sample", fold, {{labels}}, {{metrics}}
from {{source}}
where "sample" is not null
order by run_id
