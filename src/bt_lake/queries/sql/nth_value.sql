select {{last}}(value) from (
  select {{key}} as value from runs
  where {{condition}} and value is not null
  order by value {{direction}} limit $n
)
