-- Runs whose id begins or ends with a text, the newest first, and how many there are.
with
  found as (select run_id, count(*) over () as number from {{view}}
    where starts_with(run_id, $part) or ends_with(run_id, $part)),
  shown as (from found order by run_id desc limit 4)
select run_id, strategy, symbol, strftime(timezone('UTC', created_at), '%Y-%m-%d'), number
from {{view}} join shown using (run_id)
order by run_id desc
