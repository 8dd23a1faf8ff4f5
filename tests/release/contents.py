"""What the built wheel and sdist hold: `python tests/release/contents.py DIST`."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"
# A document that agents read, too; it has one home.
BROUGHT = {"bt_lake/agents/overfitting.md"}


def expected() -> set[str]:
    """Every file of the package that is not made by running it."""
    files = (path for path in (SOURCES / "bt_lake").rglob("*") if path.is_file())
    return {
        path.relative_to(SOURCES).as_posix() for path in files if "__pycache__" not in path.parts
    }


def check_wheel(path: Path) -> None:
    names = set(zipfile.ZipFile(path).namelist())
    metadata = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    wanted = expected() | BROUGHT
    assert names - metadata == wanted, sorted((names - metadata) ^ wanted)
    assert "bt_lake/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in metadata)


def check_sdist(path: Path) -> None:
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {f"src/{name}" for name in expected()}
    wanted |= {"README.md", "CHANGELOG.md", "LICENSE", "Makefile", "lake/FORMAT.md"}
    assert wanted <= names, sorted(wanted - names)
    assert not any(name.startswith((".venv", "lake/lake.json")) for name in names)


def main() -> None:
    [wheel], [sdist] = Path(sys.argv[1]).glob("*.whl"), Path(sys.argv[1]).glob("*.tar.gz")
    check_wheel(wheel)
    check_sdist(sdist)
    version: dict[str, str] = {}
    exec((SOURCES / "bt_lake" / "_version.py").read_text("utf-8"), version)
    assert f"-{version['__version__']}-" in wheel.name, wheel.name
    print(f"{wheel.name} holds bt_lake and nothing else; {sdist.name} its sources, tests and docs")


if __name__ == "__main__":
    main()
