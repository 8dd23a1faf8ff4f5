-- The rows of curves.sql in any order and without drawdown; place: that of the run among the ids.
select
  enum_code(run_id::enum({{ids}}))::int as place, ts, equity, cash, exposure, benchmark
from {{points}}
