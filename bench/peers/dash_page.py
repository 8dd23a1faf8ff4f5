"""A small page of runs as a seed had it, in Dash: a table to sort and filter, a curve to look at.

    python dash_page.py LAKE PORT

It asks the lake through the same face as `bt-lake page`, so that what differs is the page.
"""

from __future__ import annotations

import sys
import threading

import dash_ag_grid
from dash import Dash, Input, Output, State, dcc, html, no_update
from plotly import graph_objects

from bt_lake.errors import LakeError
from bt_lake.lake import Lake

COLUMNS = ["run_id", "strategy", "symbol", "timeframe", "sharpe_ratio", "total_return", "cagr",
           "max_drawdown", "calmar_ratio", "win_rate", "profit_factor", "total_trades"]  # fmt: skip
BLOCK = 200


def main(folder: str, port: int) -> None:
    lake, turn = Lake(folder), threading.Lock()
    app = Dash(__name__)
    app.layout = html.Div([
        dcc.Input(id="where", debounce=True, placeholder="a filter in SQL", style={"width": 600}),
        html.Div(id="wrong"),
        html.Div(style={"display": "flex"}, children=[
            dash_ag_grid.AgGrid(
                id="grid",
                columnDefs=[{"field": name, "sortingOrder": ["desc", "asc"]} for name in COLUMNS],
                rowModelType="infinite",
                getRowId="params.data.run_id",
                dashGridOptions={"suppressColumnVirtualisation": True,
                                 "cacheBlockSize": BLOCK, "maxBlocksInCache": 10,
                                 "rowSelection": {"mode": "singleRow", "checkboxes": False,
                                                  "enableClickSelection": True}},
                style={"height": 800, "width": 1000},
            ),
            dcc.Graph(id="curve", style={"width": 400}),
        ]),
    ])  # fmt: skip

    @app.callback(
        Output("grid", "getRowsResponse"),
        Output("wrong", "children"),
        Input("grid", "getRowsRequest"),
        State("where", "value"),
    )
    def rows(request, where):
        if request is None:
            return no_update, no_update
        order = (request["sortModel"] or [{"colId": "created_at", "sort": "desc"}])[0]
        start, end = request["startRow"], request["endRow"]
        with turn:
            try:
                answer = lake.ask.runs(
                    sort=order["colId"], ascending=order["sort"] == "asc", n=end, columns=COLUMNS,
                    **({"where": where} if where else {}),
                )  # fmt: skip
                found = answer.dicts()[start:]
                return {"rowData": found, "rowCount": answer.total()}, ""
            except LakeError as error:
                return {"rowData": [], "rowCount": 0}, str(error)

    app.clientside_callback(
        "(where) => { dash_ag_grid.getApi('grid')?.purgeInfiniteCache();"
        " return dash_clientside.no_update; }",
        Output("where", "id"),
        Input("where", "value"),
        prevent_initial_call=True,
    )

    @app.callback(Output("curve", "figure"), Input("grid", "selectedRows"))
    def curve(chosen):
        if not chosen:
            return no_update
        run_id = chosen[0]["run_id"]
        with turn:
            frame = lake.equity(run_id)
        line = graph_objects.Scatter(x=frame["ts"].to_list(), y=frame["equity"].to_list())
        return graph_objects.Figure(line, layout={"title": {"text": run_id}})

    app.run(host="127.0.0.1", port=port, debug=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
