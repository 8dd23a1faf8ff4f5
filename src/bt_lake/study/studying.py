"""A study: how far it is, what its best is worth at this count, its holdout and its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bt_lake.overfit.report import Counted, counted
from bt_lake.queries.filters import Filters
from bt_lake.queries.overfitting import family
from bt_lake.queries.resolving import resolve
from bt_lake.questions import Questions
from bt_lake.study import deciding, looking
from bt_lake.warehouse import studies
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.locks import Lock, alone
from bt_lake.warehouse.studies import Act, Standing

if TYPE_CHECKING:
    import polars as pl

    from bt_lake.queries.reading import Reader
    from bt_lake.warehouse.store import Store


class Study:
    """`print` it, or take `.standing`, `.best`, `.acts`, `.trials()`; `.look(run)`, `.decide()`."""

    def __init__(self, store: Store, reader: Reader, name: str) -> None:
        self._store = store
        self._reader = reader
        self.name = name
        self.standing  # noqa: B018  (whether there is such a study shows now)

    def __repr__(self) -> str:
        from bt_lake.study.text import render

        return render(self)

    @property
    def standing(self) -> Standing:
        """What was fixed beforehand, the trials used, what is left, the verdict."""
        return studies.standing(self._store, self.name)

    @property
    def acts(self) -> list[Act]:
        """All that was done in it, beside its trials."""
        return studies.acts(self._store, self.name)

    def trials(self) -> pl.DataFrame:
        """Its runs in the order in which they came."""
        ask = Questions(self._reader)
        return ask.sql(
            "from study_trials where study = $study order by number", study=self.name
        ).frame()

    @property
    def best(self) -> Counted | None:
        """The best trial by the study's metric, beside what luck brings to all that are allowed.

        Trials that are still to come count as unrelated tries, so that looking early costs nothing.
        """
        now = self.standing
        found = family(self._reader, Filters(study=self.name))
        chosen = None
        if now.metric != "sharpe_ratio" and found.ids:
            rows = Questions(self._reader).best(
                now.metric, 1, columns=["run_id"], run_ids=list(found.ids), study=self.name
            )
            ids = [row["run_id"] for row in rows.dicts()]
            if not ids:
                return None
            chosen = ids[0]
        return counted(found, chosen, now.left)

    def look(self, run: str) -> Mapping[str, Any]:
        """The metrics of a candidate in the holdout; put on record, and once for each candidate.

        Who asks again is told what was found then.
        """
        run_id = resolve(self._reader, run)

        def act(_: Lock) -> Mapping[str, Any]:
            return looking.look(self._store, self.standing, run_id)

        return alone(self._store.layout, "study", act)

    def decide(self) -> Standing:
        """Close the study by the rule that was fixed beforehand; it takes no more trials."""

        def act(_: Lock) -> None:
            now = self.standing
            if now.decided_at is not None:
                raise BadInput(f"it was decided on {now.decided_at:%Y-%m-%d}: {now.verdict}")
            looks = looking.looks(self._store, self.name)
            told = deciding.decided(now, None if now.holdout_from else self.best, looks)
            studies.tell(self._store, self.name, "decide", told)

        alone(self._store.layout, "study", act)
        return self.standing

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        now, best = self.standing, self.best
        return {
            **{name: _plain(value) for name, value in asdict(now).items()},
            "left": now.left,
            "beyond": now.beyond,
            "best": asdict(best) if best is not None else None,
            "acts": [{"at": _plain(a.at), "act": a.act, **a.told} for a in self.acts],
        }


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
