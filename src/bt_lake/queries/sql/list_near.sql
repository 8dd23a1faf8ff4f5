-- A page of runs, with a bound that few others reach: row groups without such runs are not read.
-- Where the bound is too high, too few rows come, and the question is asked without it.
select {{columns}} from runs where {{condition}} and {{near}} order by {{order}} limit $n
