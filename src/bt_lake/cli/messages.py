"""stderr: errors, last lines, questions and progress; the one module that writes it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bt_lake.cli.ending import Ended
from bt_lake.cli.style import columns_of_terminal, style_of
from bt_lake.warehouse.errors import BadInput
from bt_lake.wording.values import duration, harmless, one_line
from bt_lake.wording.widths import columns_of, shortened

if TYPE_CHECKING:
    from bt_lake.cli.output import Written
    from bt_lake.cli.session import Session
    from bt_lake.queries.answer import Answer

_BAR = 16
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_EVERY_S = 0.1
_NAMED = 3
_COMMON = 6
_TOLD = 30  # columns for a name and its value
_drawn: list[Progress] = []  # bars that are on the terminal now: lines do not go behind them


def say(text: str) -> None:
    """Some lines, whatever stands in them."""
    _write(harmless(text))


def _write(text: str) -> None:
    # stderr may be closed, or a pipe nobody reads: there is nobody left to tell then.
    with contextlib.suppress(BrokenPipeError, AttributeError, ValueError):
        for bar in tuple(_drawn):
            bar.wipe()
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def note(*parts: str) -> None:
    """The last line of a command: what was shown, and how it came about."""
    lines = [one_line(" · ".join(filter(None, parts)))]
    if sys.stderr is not None and sys.stderr.isatty():
        lines = _folded(lines[0], columns_of_terminal())
    paint = style_of(sys.stderr)
    _write("\n".join(paint(line, "dim") for line in lines))


def _folded(line: str, width: int) -> list[str]:
    """Broken between its parts where it is wider than the terminal, and a wide part at words."""
    lines: list[str] = []
    for part in line.split(" · "):
        if lines and columns_of(f"{lines[-1]} · {part}") <= width:
            lines[-1] += f" · {part}"
        elif columns_of(part) <= width:
            lines.append(part)
        else:
            first, *words = part.split(" ")
            lines.append(first)
            for word in words:
                if columns_of(f"{lines[-1]} {word}") <= width:
                    lines[-1] += f" {word}"
                else:
                    lines.append(word)
    return lines


def error(text: str) -> None:
    first, *more = harmless(text).split("\n")
    lead = style_of(sys.stderr)("error:", "bold red")
    _write("\n".join([f"{lead} {first}", *(f"       {line}".rstrip() for line in more)]))


def warn(text: str) -> None:
    _write(f"{style_of(sys.stderr)('warning:', 'yellow')} {harmless(text)}")


def warn_once(text: str, said: set[str]) -> None:
    if text not in said:
        said.add(text)
        warn(text)


def barer(count: int) -> None:
    """Runs that the lake has with less than came for them now."""
    if count:
        stay = "stays as it is" if count == 1 else "stay as they are"
        warn(
            f"{many(count, 'run')} of those already there {stay}, without the curves or trades "
            "given now; to have these, take a run out with `delete RUN --forget` and add it again"
        )


def got(curves: int, trades: int, events: int) -> str:
    """What runs that were here have now, and lacked."""
    parts = [
        many(curves, "run") + " got a curve" if curves else "",
        many(trades, "run") + " got trades" if trades else "",
        many(events, "event") if events else "",
    ]
    return ", ".join(filter(None, parts))


def many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' * (count != 1)}"


def told(
    session: Session, shown: Written, answer: Answer, thing: str, *, in_all: Sequence[str] = ()
) -> None:
    """How much of what there is was shown, and what of it was not."""
    total = answer.total()
    count = many(shown.rows, thing) if total is None else f"{shown.rows:,} of {many(total, thing)}"
    note(count, _common(in_all), hidden(shown.dropped), answer.note(), took(session.started))


def _common(told: Sequence[str]) -> str:
    if not told:
        return ""
    named = [shortened(each, _TOLD) for each in told[:_COMMON]]
    return f"{', '.join(named)}{', ...' * (len(told) > _COMMON)} in all"


def hidden(dropped: Sequence[str]) -> str:
    """What a narrow terminal did not show."""
    if not dropped:
        return ""
    more = ", ..." if len(dropped) > _NAMED else ""
    return f"{many(len(dropped), 'column')} left out ({', '.join(dropped[:_NAMED])}{more})"


def took(started: float) -> str:
    return duration(time.perf_counter() - started)


def confirm(question: str, *, yes: bool) -> None:
    """Go on only with `--yes` or with a yes from somebody at a terminal."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadInput(f"{question} Nobody is here to ask; say so with --yes.")
    sys.stderr.write(f"{harmless(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        say("nothing was changed")
        raise Ended(BadInput.exit_code)


class Progress:
    """A bar on a terminal; silent anywhere else."""

    def __init__(self, unit: str, show: Callable[[float], str]) -> None:
        self._unit, self._show = unit, show
        self._drawn = 0.0
        self._started = time.perf_counter()
        self._live = sys.stderr.isatty()
        self._style = style_of(sys.stderr)

    def __call__(self, done: int, total: int, count: int) -> None:
        """So much of so much is done, and that were so many units."""
        rate = count / max(time.perf_counter() - self._started, 1e-9)
        text = f"{self._show(done)} of {self._show(total)} · {count:,} {self._unit} · {rate:,.0f}/s"
        self.draw(done / total if total else 1.0, text)

    def draw(self, share: float, text: str) -> None:
        """The share that is done as a bar, and words of one's own behind it."""
        now = time.perf_counter()
        if not self._live or (now - self._drawn < _EVERY_S and share < 1):
            return
        self._drawn = now
        bar = self._style(_bar(share), "cyan")
        room = columns_of_terminal() - _BAR - 2
        sys.stderr.write(f"\r{bar} {shortened(one_line(text), room)}\x1b[K")
        sys.stderr.flush()
        if self not in _drawn:
            _drawn.append(self)

    def wipe(self) -> None:
        """Take the bar off the terminal; it comes back when it is drawn again."""
        if self in _drawn:
            _drawn.remove(self)
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextlib.contextmanager
def progress(unit: str, show: Callable[[float], str] = "{:,.0f}".format) -> Iterator[Progress]:
    shown = Progress(unit, show)
    try:
        yield shown
    finally:
        shown.wipe()


def _bar(share: float) -> str:
    full, part = divmod(round(min(share, 1.0) * _BAR * 8), 8)
    return ("█" * full + (_EIGHTHS[part] if full < _BAR else "")).ljust(_BAR, "░")
