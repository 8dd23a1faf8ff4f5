"""What a stored text must not tell whoever gets the lake: passwords, tokens, whose home it was."""

from __future__ import annotations

import os
import re
from pathlib import Path

_HIDDEN = "***"
# user:password@ of any URL; name=value or name: value of what is called a secret; a bearer token;
# keys that are known by how they begin.
_SECRETS = (
    re.compile(r"(?<=://)([^\s/:@]{0,200}:)[^\s/@]{1,500}(?=@)"),
    re.compile(
        r"(?i)\b((?:[a-z_-]{0,40}(?:password|passwd|secret|[_-]token|api_?key|access_?key)"
        r"[a-z_-]{0,20}['\"]?\s{0,3}[=:]|token=)\s{0,3})(?:'[^']{1,500}'|\"[^\"]{1,500}\"|[^\s'\",;&)}\]]{1,500})"
    ),
    re.compile(r"(?i)\b(bearer )[a-z0-9._~+/=-]{8,500}"),
    re.compile(
        r"\b()(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,255}|sk-[A-Za-z0-9_-]{20,255})\b"
    ),
)


def without_secrets(text: str) -> str:
    """The text of an error, as it may be stored and shared."""
    for expression in _SECRETS:
        text = expression.sub(rf"\1{_HIDDEN}", text)
    return without_home(text)


def without_home(text: str) -> str:
    """Paths of the home folder as ~."""
    home = str(Path.home())
    if len(home) < 3 or home not in text:
        return text
    return re.sub(rf"{re.escape(home)}(?=[{re.escape(os.sep)}/:'\"\s]|$)", "~", text)
