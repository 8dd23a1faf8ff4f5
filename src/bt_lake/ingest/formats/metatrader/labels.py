"""The labels of MetaTrader's reports, in English and in the languages that are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# In small letters, without the colon.
_NAMES = {
    "net_profit": (
        "total net profit", "beneficio neto", "beneficio neto total", "lucro líquido total",
        "lucro líquido", "profitto netto totale", "gesamtgewinn netto", "gesamter nettogewinn",
        "profit total net", "чистая прибыль", "净利润", "总净盈利", "čistý zisk celkem",
    ),
    "profit_factor": (
        "profit factor", "factor de beneficio", "fator de lucro", "fattore di profitto",
        "profitfaktor", "profit-faktor", "прибыльность", "profit faktor", "盈利因子", "盈利率",
    ),
    "expectancy": (
        "expected payoff", "beneficio esperado", "payoff esperado", "retorno esperado (payoff)",
        "profitto atteso", "матожидание выигрыша", "预期收益", "erwartetes ergebnis",
    ),
    "recovery_factor": (
        "recovery factor", "factor de recuperación", "fator de recuperação",
        "fattore di recupero", "фактор восстановления", "采收率", "erholungsfaktor",
    ),
    "sharpe_ratio": (
        "sharpe ratio", "ratio de sharpe", "índice de sharpe", "indice di sharpe",
        "коэффициент шарпа", "夏普比率", "sharpe-ratio",
    ),
    "trades": (
        "total trades", "total de operaciones ejecutadas", "total de negociações",
        "transacciones totales", "totale operazioni", "всего трейдов", "всего сделок",
        "总交易", "交易总数", "anzahl trades gesamt", "gesamtanzahl trades", "obchodů celkem",
    ),
    "balance_drawdown": (
        "balance drawdown maximal", "reducción máxima del balance",
        "rebaixamento máximo do saldo", "rebaixamento máximo do capital líquido do saldo",
        "максимальная просадка баланса", "massimo drawdown del saldo",
    ),
    "equity_drawdown": (
        "equity drawdown relative", "reducción relativa de la equidad",
        "rebaixamento relativo do capital líquido", "относительная просадка средств",
        "относительная просадка эквити", "drawdown relativo dell'equità",
    ),
    # of MetaTrader 4
    "deposit": (
        "initial deposit", "depósito inicial", "начальный депозит",
        "deposito iniziale", "ersteinlage", "初始存款",
    ),
    "relative_drawdown": ("relative drawdown", "rebaixamento relativo", "относительная просадка"),
}  # fmt: skip
_KEYS = {name: key for key, names in _NAMES.items() for name in names}

# By the period's name: "H1", or its word in reports of newer builds.
TIMEFRAMES = {
    "M1": "1m", "M2": "2m", "M3": "3m", "M4": "4m", "M5": "5m", "M6": "6m", "M10": "10m",
    "M12": "12m", "M15": "15m", "M20": "20m", "M30": "30m", "H1": "1h", "H2": "2h", "H3": "3h",
    "H4": "4h", "H6": "6h", "H8": "8h", "H12": "12h", "D1": "1d", "DAILY": "1d", "W1": "1w",
    "WEEKLY": "1w", "MN": "1mo", "MN1": "1mo", "MONTHLY": "1mo",
}  # fmt: skip


def pairs(row: Sequence[Any]) -> list[tuple[str, Any]]:
    """The labels of a row, each with the cell behind it."""
    cells = [cell for cell in row if cell != ""]
    found, at = [], 0
    while at < len(cells):
        cell = cells[at]
        if isinstance(cell, str) and cell.endswith((":", "：")):
            value = cells[at + 1] if at + 1 < len(cells) else ""
            if isinstance(value, str) and value.endswith((":", "：")) and len(value) > 3:
                value, at = "", at - 1
            found.append((cell.rstrip(":：").strip(), value))
            at += 2
        else:
            at += 1
    return found


def key_of(label: str) -> str | None:
    return _KEYS.get(label.strip().rstrip(":").lower())
