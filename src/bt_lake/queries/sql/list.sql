-- A page of runs. Only what sorts them is read of all of them; the wide rows are found by id.
with page as materialized (
  select run_id from runs where {{condition}} order by {{order}} limit $n
)
select {{columns}} from runs join page using (run_id) order by {{order}}
