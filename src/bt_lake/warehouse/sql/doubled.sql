create or replace temp table revised as
with
  acts as (select run_id, kind, value, "at", event_id from {events}),
  doubled as (
    select
      run_id,
      list_sort(list_distinct(flatten(list(coalesce(tags, []))))) as tags,
      max_by(notes, length(notes)) as notes,
      max(deleted_at) as deleted_at
    from {rows} group by run_id having count(*) > 1
  ),
  untagged as (
    select run_id, list(value) as gone
    from (
      select run_id, value, max_by(kind, ("at", event_id)) as kind
      from acts where kind in ('tag', 'untag') group by run_id, value
    )
    where kind = 'untag' group by run_id
  ),
  hidden as (
    select run_id, max_by(kind, ("at", event_id)) as kind, max("at") as "at"
    from acts where kind in ('delete', 'restore') group by run_id
  )
select
  run_id,
  nullif(list_filter(tags, lambda tag: not list_contains(coalesce(gone, []), tag)), []) as tags,
  notes,
  case kind when 'delete' then "at" when 'restore' then null else deleted_at end as deleted_at
from doubled left join untagged using (run_id) left join hidden using (run_id)
