"""How a command ends that neither gives an answer nor fails."""

from __future__ import annotations

import signal


class Ended(Exception):
    """There is nothing more to do."""

    def __init__(self, exit_code: int = 0) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Interrupted(Exception):
    """Ctrl-C or another signal; the text says what was done by then."""

    def __init__(self, text: str, number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.number = number
