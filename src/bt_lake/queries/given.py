"""The labels that filter; written by docs/generate.py from the schema."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, TypedDict

Texts: TypeAlias = str | Iterable[str] | None


class GivenLabels(TypedDict, total=False):
    strategy: Texts
    symbol: Texts
    timeframe: Texts
    exit_rule: Texts
    engine: Texts
    sweep: Texts
    study: Texts
    fold: Texts
    sample: Texts
    status: Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class ByLabel:
    strategy: Texts = None
    symbol: Texts = None
    timeframe: Texts = None
    exit_rule: Texts = None
    engine: Texts = None
    sweep: Texts = None
    study: Texts = None
    fold: Texts = None
    sample: Texts = None
    status: Texts = None
