"""How the best in sample of each split ranks out of sample, as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_lake.drawing.charts import WIDTH
from bt_lake.drawing.picture import Line, Picture, Rect, Text
from bt_lake.drawing.scales import Linear
from bt_lake.drawing.stacking import titled
from bt_lake.drawing.theme import BAD, FAINT, INK, SERIES
from bt_lake.wording.values import share

if TYPE_CHECKING:
    from bt_lake.overfit.results import Overfitting

_HEIGHT, _TOP, _BOTTOM, _LEFT = 240.0, 30.0, 196.0, 24.0


def logits_picture(found: Overfitting, family: str) -> Picture:
    """Splits by the logit of their winner; those up to 0, in red, are the PBO."""
    edges, splits = found.logits.edges, found.logits.splits
    across = Linear(edges[0], edges[-1], _LEFT, WIDTH - _LEFT)
    up = Linear(0.0, max(splits), _BOTTOM, _TOP)
    drawn = Picture(f"Overfitting of {family}", WIDTH, _HEIGHT)
    for low, high, count in zip(edges, edges[1:], splits, strict=False):
        if count:
            paint = BAD if high <= 0 else SERIES[0]
            tip = f"{count:,} splits: logit {low:.2f} to {high:.2f}"
            x, y = across(low), up(count)
            drawn.add(Rect(x, y, across(high) - x - 1, _BOTTOM - y, paint, tip))
    zero = across(0.0)
    drawn.add(
        Line([(_LEFT, _BOTTOM), (WIDTH - _LEFT, _BOTTOM)], FAINT),
        Line([(zero, _TOP - 8), (zero, _BOTTOM)], INK, dashed=True),
        Text(zero, 16, "the middle of all trials", 12, "middle", FAINT),
        Text(_LEFT, _BOTTOM + 34, "last out of sample", 12, "start", FAINT),
        Text(WIDTH - _LEFT, _BOTTOM + 34, "first out of sample", 12, "end", FAINT),
        Text(WIDTH / 2, _BOTTOM + 34, "logit of the rank", 12, "middle", bold=True),
    )
    for tick in across.ticks(9):
        drawn.add(Text(across(tick), _BOTTOM + 16, f"{tick:g}", 12, "middle", FAINT))
    said = (
        f"PBO {share(found.pbo)}: the share of {found.splits:,} splits whose best in "
        "sample comes out below the middle"
    )
    return titled(drawn, said)
