"""The list of `make mutants` fits the code, and the tests it names are among those of `make test`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from mutants import MUTANTS, SOURCE, Mutant

SLOW = {"slow", "thorough", "long"}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: f"{each.file}:{each.test}")
def test_a_mutant_has_its_line_and_a_quick_test(mutant: Mutant):
    assert (SOURCE / mutant.file).read_text("utf-8").count(mutant.line) == 1, "the line is stale"
    file, _, name = mutant.test.partition("::")
    tree = ast.parse((Path(__file__).parent / file).read_text("utf-8"))
    tests = [each for each in tree.body if isinstance(each, ast.FunctionDef)]
    wanted = [each for each in tests if each.name == name or (not name and "test_" in each.name)]
    quick = [each for each in wanted if not SLOW & marks(each)]
    assert quick, f"{mutant.test} is not there, or not one of `make test`"


def marks(test: ast.FunctionDef) -> set[str]:
    """As `pytest.mark.slow` above a function, not as a mark of one of its parameters."""
    return {each.attr for each in test.decorator_list if isinstance(each, ast.Attribute)}
