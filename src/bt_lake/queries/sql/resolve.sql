-- Runs whose id begins or ends with a text, the newest first.
with found as materialized (
  select run_id from {{view}} where starts_with(run_id, $part) or ends_with(run_id, $part)
)
select run_id, strategy, symbol, strftime(timezone('UTC', created_at), '%Y-%m-%d'),
  (select count(*) from found)
from {{view}} where run_id in (from found order by run_id desc limit {{shown}})
order by run_id desc
