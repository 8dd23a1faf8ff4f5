with
  marks as (
    select run_id, value as tag, max_by(kind, ("at", event_id)) as kind, max(("at", event_id)) as place
    from lake_pending_events where kind in ('tag', 'untag') group by run_id, value
  ),
  tagged as (
    select
      run_id,
      list(tag) as touched,
      coalesce(list(tag order by place) filter (kind = 'tag'), []) as added
    from marks group by run_id
  ),
  noted as (
    select run_id, string_agg(value, chr(10) order by "at", event_id) as added_notes
    from lake_pending_events where kind = 'note' group by run_id
  ),
  hidden as (
    select run_id, max_by(kind, ("at", event_id)) as last_kind, max("at") as last_at
    from lake_pending_events where kind in ('delete', 'restore') group by run_id
  )
select run_id, touched, added, added_notes, last_kind, last_at
from tagged full join noted using (run_id) full join hidden using (run_id)
