-- A page of runs, of rows in memory.
select {{columns}} from runs where {{condition}} order by {{order}} limit $n
