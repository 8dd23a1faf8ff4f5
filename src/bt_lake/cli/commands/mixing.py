"""portfolio: runs as one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.drawing.kinds import check_kind
from bt_lake.warehouse.errors import BadInput
from bt_lake.wording.values import short_id


class Often(StrEnum):
    NEVER = "never"
    MONTHLY = "monthly"


def portfolio(
    session: Session,
    runs: Annotated[list[str], Argument(metavar="RUN...", help="Two runs or more.")],
    out: Output,
    weights: Annotated[
        str,
        Option(
            metavar="equal|inverse-vol|hrp|RUN=W,...|FILE.csv",
            help="How much of each; hrp: by risk; a file has columns run and weight.",
        ),
    ] = "equal",
    rebalance: Annotated[Often, Option(help="When to go back to them.")] = Often.MONTHLY,
    capital: Annotated[float, Option(help="What it begins with.")] = 100_000.0,
    save: Annotated[
        str | None, Option(metavar="NAME", help="Keep it as a run of this strategy.")
    ] = None,
    plot: Annotated[Path | None, Option(metavar="FILE", help="Draw it: .svg or .html.")] = None,
) -> None:
    """Runs held together: the mix, and what each adds to its risk.

    \b
    Examples:
      bt-lake portfolio b7d2f19a 03c8aa41
      bt-lake portfolio b7d2f19a 03c8aa41 --weights b7d2f19a=2,03c8aa41=1 --rebalance never
      bt-lake portfolio b7d2f19a 03c8aa41 e51f7c02 --weights hrp --save my_mix
    """
    if plot is not None:
        check_kind(plot)
    given: str | dict[str, float] = weights
    if weights.lower().endswith(".csv"):
        given = _read(Path(weights))
    elif "=" in weights:
        given = _given(weights)
    made = session.lake.portfolio(runs, weights=given, rebalance=rebalance.value, capital=capital)
    if plot is not None:
        made.plot().save(plot)
    elif out.is_text:
        lines = repr(made).splitlines()
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    elif out.format is Format.JSON:
        out.document({"runs": made.frame().to_dicts(), "metrics": made.metrics})
    else:
        out.rows(made.frame().columns, made.frame().rows())
    kept = session.lake.save(made.document, strategy=save) if save is not None else None
    drawn = f"drew {plot}" if plot else ""
    saved = f"saved as {short_id(kept)}" if kept else ""
    messages.note(drawn, saved, messages.took(session.started))


def _given(text: str) -> dict[str, float]:
    found = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            said = f"--weights {part.strip()}: write RUN=WEIGHT, such as b7d2f19a=2"
            raise BadInput(said) from None
    return found


def _read(path: Path) -> dict[str, float]:
    """Weights of a file: columns run (or run_id, as `-f csv` writes) and weight."""
    import csv

    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise BadInput(f"--weights {path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise BadInput(f"--weights {path} is no CSV file in UTF-8") from None
    found: dict[str, float] = {}
    for line, row in enumerate(rows, start=2):
        name, value = row.get("run") or row.get("run_id"), row.get("weight")
        if name in found:
            raise BadInput(f"--weights {path}, line {line}: run {name} has a weight already")
        try:
            found[str(name)] = float(value or "")
        except ValueError:
            name = None
        if not name:
            said = f"--weights {path}, line {line}: it needs columns run and weight, a number"
            raise BadInput(said) from None
    return found
