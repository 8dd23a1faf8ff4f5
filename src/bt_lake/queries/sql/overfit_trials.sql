-- Every trial of a family as numbers, in the order of their ids; NaN for NULL.
select
  run_id, commit_id,
  coalesce(bars, 0)::bigint as bars,
  status = 'failed' as failed,
  deleted_at is not null as deleted,
  {{numbers}}
from trials
where {{condition}}
order by run_id
