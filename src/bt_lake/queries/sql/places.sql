-- Where rows in memory are, in order.
select {{columns}} from lake_held_runs as runs
where deleted_at is null and {{condition}}
order by {{order}} {{limit}}
