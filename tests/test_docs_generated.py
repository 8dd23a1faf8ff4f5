from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from bt_lake.warehouse import schema

ROOT = Path(__file__).parent.parent


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page",
    [
        "lake/FORMAT.md",
        "docs/metrics.md",
        "src/bt_lake/ingest/keywords.py",
        "src/bt_lake/queries/given.py",
    ],
)
def test_pages_follow_from_the_schema(page):
    assert generator().pages()[ROOT / page] == (ROOT / page).read_text("utf-8"), (
        "run: python docs/generate.py"
    )


def test_field_ids_and_names_are_unique():
    for table in schema.TABLES.values():
        assert len({c.field_id for c in table.columns}) == len(table.columns)
        assert len(table.by_name) == len(table.columns)


def test_every_column_says_what_it_means():
    for table in schema.TABLES.values():
        for column in table.columns:
            assert len(column.meaning) > 5
            assert column.unit or not column.is_number or column.kind == "int64"


def test_the_format_page_hashes_parameters_as_the_code_does():
    """Those vectors whose canonical JSON reads back as it was."""
    from json import loads

    from bt_lake.warehouse.params import params_hash

    page = (ROOT / "lake" / "FORMAT.md").read_text("utf-8")
    vectors = re.findall(r"^\| `(\{.*?\})`.* \| `([0-9a-f]{32})` \|$", page, re.MULTILINE)
    assert len(vectors) == 12
    for text, expected in vectors:
        assert params_hash(loads(text)) == expected, text
