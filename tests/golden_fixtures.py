"""The golden lake as a fixture: made once, never written to."""

from __future__ import annotations

import pytest
from golden import Golden, make


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return make(tmp_path_factory.mktemp("golden") / "lake")
