"""The four tables, declared once: Parquet schema, views, validation and documentation follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa


Kind = Literal[
    "string", "json", "double", "int64", "timestamp", "list<string>", "map<string,double>"
]

DUCKDB_TYPES: dict[Kind, str] = {
    "string": "VARCHAR",
    "json": "VARCHAR",
    "double": "DOUBLE",
    "int64": "BIGINT",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "list<string>": "VARCHAR[]",
    "map<string,double>": "MAP(VARCHAR, DOUBLE)",
}


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    field_id: int
    group: str
    unit: str
    meaning: str
    better: Literal["higher", "lower", ""] = ""
    required: bool = False
    flags: str = ""

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.kind]

    @property
    def is_number(self) -> bool:
        return self.kind in ("double", "int64")


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    sort_by: tuple[str, ...]
    row_group_size: int

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that no two rows share."""
        return ("event_id",) if self.name == "events" else self.sort_by

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.by_name)

    def __getitem__(self, name: str) -> Column:
        return self.by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self.by_name


def _columns(text: str) -> tuple[Column, ...]:
    """Read the declaration below: `id name kind unit better meaning`, groups on lines of their own."""
    columns: list[Column] = []
    group = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("["):
            group = line.strip("[]")
            continue
        number, name, kind, unit, better, meaning = line.split(maxsplit=5)
        columns.append(
            Column(
                name=name.rstrip("!"),
                kind=kind,  # type: ignore[arg-type]
                field_id=int(number),
                group=group,
                unit="" if unit == "-" else unit,
                meaning=meaning,
                better={"+": "higher", "_": "lower", "-": ""}[better[0]],  # type: ignore[arg-type]
                required=name.endswith("!"),
                flags=better[1:],
            )
        )
    return tuple(columns)


# A field id is never reused or renumbered: old files are read by it. New columns take new ids.
# `!` marks a column that is never NULL; `+` more is better, `_` less is better, `-` neither.
# Behind these: `i` says what was tried, `p` which part of the data it was tried on (together they
# are the same run), `f` a filter of every question, `s` shown wherever the shown runs differ in it,
# `h` told only to who names it.
RUNS = Table(
    "runs",
    sort_by=("run_id",),
    row_group_size=16_384,
    columns=_columns("""
[identity]
1   run_id!         string     -         - the run; generated ids are UUIDv7, ids of older stores are kept
2   commit_id!      string     -         - the commit that brought the run in
3   created_at!     timestamp  UTC       - when the backtest ran
4   ingested_at!    timestamp  UTC       - when the lake took it in
5   status!         string     -         -f 'ok' or 'failed'
6   error           string     -         - why a failed run failed
7   duration_s      double     s         _ how long the backtest took
80  log             string     -         - what the run printed: the last 64 KB of it
[label]
8   strategy!       string     -         -ifs name of the strategy
9   strategy_type   string     -         - family of strategies, such as trend_following
10  strategy_version string    -         -s version of the strategy's code, as its author counts
11  symbol          string     -         -ifs instrument; NULL for a portfolio
12  timeframe       string     -         -ifs bar size, such as 1d or 1h
13  exit_rule       string     -         -ifs name of the exit rule
14  model_path      string     -         - file of a trained model
15  data_source     string     -         - where the prices came from
16  engine          string     -         -fs backtest engine
17  engine_version  string     -         - version of the engine
18  sweep           string     -         -fs label of the sweep the run belongs to
101 study           string     -         -fs study whose budget the run spends
19  fold            string     -         -pfs walk-forward fold
20  sample          string     -         -pfs 'in' or 'out' of sample
21  tags            list<string> -       - free labels
22  notes           string     -         - free text
[reproduction]
23  entrypoint      string     -         - module:function that made the run
24  reproduced_from string     -         - run_id this run repeats
25  code_hash       string     -         - hash of the strategy's code
26  data_hash       string     -         - hash of the price data
27  params          json       -         - the strategy's parameters
28  params_hash     string     -         -i hash of the canonical params: equal for equal parameters
29  config          json       -         - everything else needed to repeat the run
[period]
30  start_at        timestamp  UTC       -p first bar
31  end_at          timestamp  UTC       -p last bar
32  bars            int64      bars      - points of the curve, or bars as the source says
33  periods_per_year double    1/year    - periods a year that annualised numbers use
77  time_zone       string     -         - the curve's own time zone (IANA), in which its months are counted; NULL means UTC
[money]
34  currency        string     -         - currency of the account
35  initial_capital double     money     - capital before the first bar
36  final_equity    double     money     + equity at the end
[curve]
37  total_return    double     fraction  + end over start, minus 1
38  cagr            double     fraction  + compound growth a calendar year of 365.25 days, a capital before the first point being one usual step earlier; NULL under 30 days
39  volatility      double     fraction  _ standard deviation of returns (ddof 1), annualised
40  sharpe_ratio    double     ratio     + mean over standard deviation (ddof 1) of returns, annualised, no risk-free rate; NULL under 4 returns
41  sortino_ratio   double     ratio     + mean over downside deviation of returns, annualised; NULL without a losing period or under 4 returns
42  calmar_ratio    double     ratio     + cagr over the depth of the worst drawdown; NULL without one
43  max_drawdown    double     fraction  + deepest fall from a running peak; negative or 0
44  drawdown_peak_at timestamp UTC       - last point at the peak before the deepest fall; NULL where that is the initial capital
45  drawdown_trough_at timestamp UTC     - first point at the bottom of the deepest fall
46  drawdown_recovered_at timestamp UTC  - first later point at or above that peak; NULL if never
47  max_underwater_days double days      _ longest time below a peak, still running ones included
48  ulcer_index     double     fraction  _ root mean square of the drawdown
49  var_95          double     fraction  + 5 % quantile (linear) of returns; a loss is negative
50  cvar_95         double     fraction  + mean of the returns at or below var_95
51  tail_ratio      double     ratio     + 95 % quantile over the 5 % quantile of returns, both absolute
52  skew            double     ratio     + skewness of returns (biased)
53  kurtosis        double     ratio     _ kurtosis of returns (biased, not excess: 3 for a normal)
54  sharpe_period   double     ratio     + Sharpe ratio per period, not annualised
55  n_returns       int64      count     - returns the ratios rest on
56  best_period     double     fraction  + best single return
57  worst_period    double     fraction  + worst single return
[trade]
58  total_trades    int64      count     - closed trades
59  winning_trades  int64      count     + closed trades with a net profit
60  losing_trades   int64      count     _ closed trades with a net loss
61  win_rate        double     fraction  + winning over all closed trades; NULL where one has neither pnl nor return
62  profit_factor   double     ratio     + gross profit over gross loss; NULL without losses, or where a closed trade has no pnl
63  expectancy      double     money     + mean net profit of a trade; NULL where a closed one has no pnl
64  avg_trade_return double    fraction  + mean return of the trades that have one
65  avg_win         double     money     + mean profit of the winners
66  avg_loss        double     money     + mean loss of the losers; negative
67  best_trade      double     money     + largest net profit
68  worst_trade     double     money     + largest net loss
69  avg_trade_hours double     hours     - mean time in a trade
70  max_consecutive_losses int64 count   _ longest row of losing trades
71  sqn             double     ratio     + system quality number: sqrt(n) * mean / standard deviation of net profits
72  exposure        double     fraction  - share of the period with at least one trade open; NULL where the period is not known
[benchmark]
81  beta            double     ratio     - slope of the least-squares line of the returns on those of the benchmark in the curve, at the times that both have; NULL under 4 of them or where it does not move
82  alpha           double     fraction  + intercept of that line, annualised, no risk-free rate
83  correlation     double     ratio     - Pearson's, of these returns
84  r_squared       double     ratio     - square of the correlation
85  tracking_error  double     fraction  _ standard deviation (ddof 1) of returns less the benchmark's, annualised
86  information_ratio double   ratio     + mean of returns less the benchmark's, annualised, over the tracking error
87  treynor_ratio   double     ratio     + mean return, annualised, over beta
88  up_capture      double     ratio     + compound growth a period over the benchmark's, in the periods in which that rose
89  down_capture    double     ratio     _ compound growth a period over the benchmark's, in the periods in which that fell
90  benchmark_return double    fraction  - compound return of the benchmark over these periods
91  excess_return   double     fraction  + compound return over these periods, less the benchmark's
92  months_ahead    double     fraction  + share of calendar months, in the curve's own time zone, in which the run gained more than the benchmark
[source]
73  metrics_from    string     -         - 'curve' where computed by bt-lake from the curve, 'reported' where the source claims it; NULL where neither, trade metrics computed or not
74  reported        map<string,double> - - what the source itself claimed, in the lake's units
75  extra           map<string,double> - - metrics of the user's own
102 sealed         string     -         -h what the run showed of its study's holdout, which no number here has seen: JSON, zlib, base64
79  definitions     string     -         - version of the definitions by which bt-lake computed the metrics; NULL for the first
76  deleted_at      timestamp  UTC       - when the run was deleted; NULL for a live run
"""),
)

EQUITY = Table(
    "equity",
    sort_by=("run_id", "ts"),
    row_group_size=65_536,
    columns=_columns("""
[curve]
1   run_id!         string     -         - the run
2   ts!             timestamp  UTC       - time of the point
3   equity!         double     money     - account value
4   cash            double     money     - uninvested part of it
5   exposure        double     fraction  - invested share, as the engine reports it
6   benchmark       double     money     - value of the benchmark
"""),
)

TRADES = Table(
    "trades",
    sort_by=("run_id", "trade_no"),
    row_group_size=65_536,
    columns=_columns("""
[trade]
1   run_id!         string     -         - the run
2   trade_no!       int64      count     - number of the trade within the run, from 1
3   symbol          string     -         - instrument traded
4   side            string     -         - 'long' or 'short'
5   quantity        double     units     - size, unsigned
6   entry_at        timestamp  UTC       - time of entry
7   exit_at         timestamp  UTC       - time of exit; NULL while open
8   entry_price     double     money     - average entry price
9   exit_price      double     money     - average exit price
10  pnl             double     money     - profit net of fees; NULL while open, when a mark to market is in extra
11  return          double     fraction  - net return of the trade
12  fees            double     money     - fees paid
13  mae             double     money     - maximum adverse excursion
14  mfe             double     money     - maximum favourable excursion
15  entry_tag       string     -         - why it was entered
16  exit_reason     string     -         - why it was left
17  extra           json       -         - whatever else the engine recorded
"""),
)

EVENTS = Table(
    "events",
    sort_by=("at", "event_id"),
    row_group_size=65_536,
    columns=_columns("""
[event]
1   event_id!       string     -         - the event
2   at!             timestamp  UTC       - when it happened
3   run_id!         string     -         - the run it concerns, or study:NAME
4   kind!           string     -         - note, tag, untag, delete or restore; or study
5   value           string     -         - text of the note, or the tag; of a study what was done, as JSON
"""),
)

TABLES: dict[str, Table] = {table.name: table for table in (RUNS, EQUITY, TRADES, EVENTS)}
# How tables call a column, where not by its name with blanks.
TITLES = {
    "run_id": "run",
    "created_at": "created",
    "ingested_at": "ingested",
    "deleted_at": "deleted",
    "start_at": "start",
    "end_at": "end",
    "duration_s": "took",
    "total_return": "return",
    "sharpe_ratio": "sharpe",
    "sortino_ratio": "sortino",
    "calmar_ratio": "calmar",
    "max_drawdown": "max dd",
    "total_trades": "trades",
    "win_rate": "win rate",
    "profit_factor": "pf",
    "trade_no": "#",
    "entry_at": "entry",
    "exit_at": "exit",
    "entry_price": "in at",
    "exit_price": "out at",
    "quantity": "qty",
    "exit_reason": "reason",
    "ts": "time",
}
STATUSES = ("ok", "failed")
SAMPLES = ("in", "out", "live")
EVENT_KINDS = ("note", "tag", "untag", "delete", "restore", "study")
# The columns of `runs` that events change.
EVENT_COLUMNS = ("tags", "notes", "deleted_at")
# Goes up where the same curve or trades give another number. 2: the time of `cagr`, weekends, trades
# without profits, `exposure` without a period. 3: the numbers beside a benchmark. `bt-lake recompute`
# takes runs there.
DEFINITIONS = "3"


def flagged(*flags: str) -> tuple[str, ...]:
    """The columns of `runs` with any of these flags, labels first."""
    found = [c for c in RUNS.columns if any(flag in c.flags for flag in flags)]
    return tuple(c.name for c in sorted(found, key=lambda c: c.group != "label"))


# What makes two runs the same configuration, tried once or often ...
IDENTITY = flagged("i")
# ... and the same run: of the same configuration on the same part of the data.
SAME_RUN = flagged("i", "p")
# Labels of a configuration; all but the strategy's name are told to a function that takes them.
LABELS = tuple(name for name in IDENTITY if RUNS[name].group == "label")
TOLD = tuple(name for name in LABELS if name != "strategy")
# Labels of the same run that only name it.
NAMED = tuple(n for n in SAME_RUN if RUNS[n].group == "label" and n not in TOLD)
FILTERS = flagged("f")
SHOWN = flagged("s")
HIDDEN = flagged("h")
METRIC_GROUPS = ("money", "curve", "trade", "benchmark")
# What follows from the points of a curve.
BY_CURVE = ("curve", "benchmark")


def metrics() -> tuple[Column, ...]:
    """The numeric columns of `runs` that a leaderboard can rank by."""
    return tuple(c for c in RUNS.columns if c.is_number)


@cache
def arrow_schema(table: str) -> pa.Schema:
    import pyarrow as pa

    def field_id(number: int) -> dict[str, str]:
        return {"PARQUET:field_id": str(number)}

    def arrow_type(column: Column) -> pa.DataType:
        base = column.field_id * 1000
        match column.kind:
            case "string" | "json":
                return pa.string()
            case "double":
                return pa.float64()
            case "int64":
                return pa.int64()
            case "timestamp":
                return pa.timestamp("us", "UTC")
            case "list<string>":
                return pa.list_(pa.field("element", pa.string(), metadata=field_id(base + 1)))
            case "map<string,double>":
                key = pa.field("key", pa.string(), nullable=False, metadata=field_id(base + 1))
                return pa.map_(key, pa.field("value", pa.float64(), metadata=field_id(base + 2)))

    return pa.schema(
        pa.field(c.name, arrow_type(c), nullable=not c.required, metadata=field_id(c.field_id))
        for c in TABLES[table].columns
    )


@lru_cache(maxsize=64)
def schema_of(table: str, columns: tuple[str, ...]) -> pa.Schema:
    """The schema of some columns."""
    import pyarrow as pa

    whole = arrow_schema(table)
    return pa.schema(whole.field(column) for column in columns)
