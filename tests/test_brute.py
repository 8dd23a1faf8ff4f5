"""Three hundred questions to random lakes, beside plain Python; `make soak` asks many more."""

from __future__ import annotations

import brute
import pytest


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_answer_is_that_of_plain_python(seed):
    print(f"seed {seed}")
    assert brute.hunt(seed, 100) == 100


@pytest.mark.slow
def test_a_wrong_answer_is_found_and_shrunk(monkeypatch):
    monkeypatch.setattr(brute, "best_of", lambda runs, *rest: [])
    with pytest.raises(AssertionError, match=r"seed 1, case \d+: \('(sql|cli)?\s?best'") as found:
        brute.hunt(1, 60)
    assert str(found.value).count("'strategy': 's'") == 1, "one run is enough to show it"
