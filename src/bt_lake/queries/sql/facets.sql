-- The commonest values of some labels among the same runs, which are read once.
with picked as materialized (select {{columns}} from runs where {{condition}})
{{counts}}
