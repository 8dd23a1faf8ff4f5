select r.* replace (
  case
    when e.touched is null then r.tags
    else nullif(list_concat(
      list_filter(coalesce(r.tags, []), lambda tag: not list_contains(e.touched, tag)), e.added), [])
  end as tags,
  case
    when e.added_notes is null then r.notes
    else concat_ws(chr(10), r.notes, e.added_notes)
  end as notes,
  -- a restore that came late answers no later delete, folded or not
  case
    when e.last_kind = 'delete' then e.last_at
    when e.last_kind = 'restore' and (r.deleted_at is null or e.last_at > r.deleted_at) then null
    else r.deleted_at
  end as deleted_at
)
from {{rows}} r left join {{told}} e using (run_id)
