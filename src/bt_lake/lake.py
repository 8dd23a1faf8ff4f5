"""Lake: the face of bt-lake in Python.

Reading methods take the filters of `bt_lake.queries.filters.Filters` as keywords and give polars
frames. What each asks lives in `bt_lake.queries`; the command line uses those functions directly:

    ranking.best(reader, metric, *, n=10, per=(), min_trades=None, ascending=None, filters)
        -> Answer: rank, [metric], every column of runs; total() = runs that have the metric
    listing.listing(reader, *, sort="created_at", ascending=False, n=20, after=None, filters)
        -> Answer: [sort], every column of runs; after = the last run of the page before
    grouping.aggregate(reader, *, by, metric="sharpe_ratio", quantiles=(.25, .75), above=None,
        filters) -> Answer: *by, runs, failed, n, mean, median, std, min, max, q25.., [share_above]
    sweeping.sweep(reader, strategy, *, x, y=None, metric="sharpe_ratio", how="mean", filters)
        -> Grid: .answer (x, y, value, runs), .pivot() -> (xs, ys, cells[x][y]), .over, .trials
    comparing.compare(reader, ids) -> Comparison: .runs (dicts), .differences (section, name,
        values), .metrics (name, unit, values, best indexes), .correlation[i][j], .overlap[i][j]
    detail.detail(reader, run_id) -> Detail: .row, .curve, .trades, .monthly, .disagreements
    curves.equity(reader, ids), curves.trades(reader, ids), curves.monthly(reader, ids) -> Answer
    resolving.resolve(reader, text, *, deleted=False) -> run_id; resolve_all; matching(reader,
        filters, deleted=False) -> ids
    lookup.lookup(reader, keys, *, columns=...) -> Answer: one row a key (a mapping), in order
    raw.sql(reader, text, values) -> Answer
    exporting.export(reader, target, *, format=None, filters, curves=False, trades=False)
        -> Exported(runs, points, trades, files)
    inventory.inventory(reader) -> Inventory
"""
