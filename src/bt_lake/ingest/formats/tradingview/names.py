"""The names of TradingView's columns, through the years and in the languages that are known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

# What each column is called, in small letters and without its currency.
_NAMES = {
    "number": ("trade #", "trade number", "トレード番号", "trade-nr.", "nº de trade"),
    "type": ("type", "typ", "タイプ", "tipo", "тип"),
    "signal": ("signal", "シグナル", "señal", "sinal", "сигнал"),
    "time": ("date/time", "date and time", "datum und uhrzeit", "日時", "fecha y hora"),
    "price": ("price", "preis", "価格", "precio", "preço", "цена"),
    "quantity": (
        "contracts", "position size (qty)", "size (qty)", "größe (menge)", "サイズ (数量)",
    ),
    "value": ("position size (value)", "size (value)", "größe (wert)", "サイズ (金額)"),
    "net": ("profit", "net p&l", "net pnl", "g&v netto", "純損益"),
    "net %": ("profit %", "net p&l %", "net pnl %", "return %", "g&v netto %", "純損益 %"),
    "cum": ("cum. profit", "cumulative p&l", "cumulative pnl", "kumulativer g&v", "累積損益"),
    "cum %": (
        "cum. profit %", "cumulative p&l %", "cumulative pnl %", "kumulativer g&v %", "累積損益 %",
    ),
    "mfe": ("run-up", "favorable excursion", "positive exkursion", "最大順行幅"),
    "mfe %": ("run-up %", "favorable excursion %", "positive exkursion %", "最大順行幅 %"),
    "mae": ("drawdown", "adverse excursion", "negative exkursion", "最大逆行幅"),
    "mae %": ("drawdown %", "adverse excursion %", "negative exkursion %", "最大逆行幅 %"),
    "commission": ("commission", "kommission"),
    "bars": ("duration (bars)",),
}  # fmt: skip
_KEYS = {name: key for key, names in _NAMES.items() for name in names}
# The order of each generation, for languages that the table does not know.
_MONEY = ("net", "net %", "mfe", "mfe %", "mae", "mae %", "cum", "cum %")
_LAYOUTS = {
    14: ("number", "type", "signal", "time", "price", "quantity", "net", "net %", "cum", "cum %",
         "mfe", "mfe %", "mae", "mae %"),
    15: ("number", "type", "time", "signal", "price", "quantity", "value", *_MONEY),
    17: ("number", "type", "time", "signal", "price", "quantity", "value", "net", "net %",
         "commission", *_MONEY[2:], "bars"),
}  # fmt: skip
_REQUIRED = {"number", "type", "time", "price", "quantity", "net"}
_CURRENCY = re.compile(r"(?<!\s)\s++([A-Z][A-Z0-9]{1,9})$")

_LONG = ("long", "ロング", "largo", "comprad", "лонг", "длинн", "多")
_SHORT = ("short", "ショート", "corto", "vendid", "шорт", "коротк", "空")
_ENTRY = ("entry", "einstieg", "エントリー", "entrada", "entrée", "ingresso", "вход", "进场")
_EXIT = ("exit", "ausstieg", "決済", "salida", "saída", "sortie", "uscita", "выход", "离场")
OPEN = {"open", "offen", "オープン", "abierta", "aberto", "ouvert", "aperto", "открыта"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each column is, and the currencies of the account and of prices."""

    place: dict[str, int]
    currency: str | None
    price_currency: str | None


def columns_of(header: Sequence[str], first: Sequence[str] | None = None) -> Columns | None:
    """The columns of a list of trades; None for the header of something else.

    `first` is the first row, which tells more where the language is not known.
    """
    header = [name.strip() for name in header]
    while header and not header[-1]:
        header.pop()
    place: dict[str, int] = {}
    for at, name in enumerate(header):
        key = _key(name)
        if key:
            place.setdefault(key, at)
    if not place.keys() >= _REQUIRED:
        layout = _LAYOUTS.get(len(header))
        if layout is None or not _fits(header, layout, first):
            return None
        place = {key: at for at, key in enumerate(layout)}
    return Columns(place, _currency(header[place["net"]]), _currency(header[place["price"]]))


def _key(name: str) -> str | None:
    lower = name.lower()
    if lower in _KEYS:
        return _KEYS[lower]
    return _KEYS.get(_CURRENCY.sub("", name).lower())


def _fits(header: Sequence[str], layout: Sequence[str], first: Sequence[str] | None) -> bool:
    percent = all(
        name.endswith("%") == key.endswith("%") for name, key in zip(header, layout, strict=True)
    )
    return percent and first is not None and first[0].strip().isdigit()


def _currency(name: str) -> str | None:
    found = _CURRENCY.search(name)
    return found.group(1) if found and found.group(1) != "NONE" else None


@cache
def side_of(kind: str) -> str | None:
    kind = kind.lower()
    if any(word in kind for word in _LONG):
        return "long"
    return "short" if any(word in kind for word in _SHORT) else None


@cache
def is_exit(kind: str) -> bool | None:
    """Whether a row is the end of its trade; None where its word is not known."""
    kind = kind.lower()
    if any(word in kind for word in _EXIT):
        return True
    return False if any(word in kind for word in _ENTRY) else None
