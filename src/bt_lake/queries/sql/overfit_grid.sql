-- The parameters of those trials of a family that differ from one of them in nothing else.
with chosen as (select run_id, params, {{labels}} from {{source}})
select chosen.run_id, chosen.params
from chosen join chosen as winner on winner.run_id = $winner and {{same}}
where chosen.params is not null
