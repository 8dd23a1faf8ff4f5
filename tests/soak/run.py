"""Attack lakes for hours: kills, fuzzed inputs, failing disks, wrong clocks, torn copies, crowds.

python tests/soak/run.py --hours 2            (or `make soak HOURS=2`; goes on where it stopped)
python tests/soak/run.py --only kills --seed 17   (one round again, as it was printed)

Each round is one seed of one part, told as one line in .soak/log.ndjson with what it counted. A
round that fails keeps its folder, prints its seed, and the others go on.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
HOSTILE = 50  # lakes a round
sys.path[:0] = [str(HERE), str(HERE.parent)]

from bt_lake import __version__  # noqa: E402


def parts() -> dict:
    import attacks
    import fuzz
    import hostile

    def lakes(seed: int, folder: Path, counted: Counter[str]) -> None:
        """Lakes that somebody made to do harm."""
        for number in range(HOSTILE):
            inside = folder / str(number)
            inside.mkdir()
            hostile.lake_round(random.Random(HOSTILE * seed + number), inside.resolve())
            shutil.rmtree(inside, ignore_errors=True)
            counted["lakes"] += 1

    return {
        "lakes": lakes,
        "kills": attacks.kills,
        "fuzz": fuzz.fuzz,
        "taken in": attacks.taken_in,
        "disk": attacks.disk,
        "full disk": attacks.full_disk,
        "read only": attacks.read_only,
        "clocks": attacks.clocks,
        "half synced": attacks.half_synced,
        "crowd": attacks.crowd,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--state", type=Path, default=Path(".soak"))
    parser.add_argument("--only", action="append", help="a part; of several, each")
    parser.add_argument("--seed", type=int, help="this round alone")
    given = parser.parse_args()
    given.state.mkdir(exist_ok=True)
    log = given.state / "log.ndjson"
    chosen = {name: part for name, part in parts().items() if name in (given.only or parts())}
    if given.seed is not None:
        return int(not all(told["ok"] for told in [*rounds(chosen, given.seed, given.state)]))
    before = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    seed = 1 + max((told["seed"] for told in before), default=0)
    ends = time.monotonic() + 3600 * given.hours
    while time.monotonic() < ends:
        for told in rounds(chosen, seed, given.state):
            with log.open("a") as file:
                file.write(json.dumps(told) + "\n")
            before.append(told)
            if time.monotonic() >= ends:
                break
        seed += 1
    return summary(before)


def rounds(chosen: dict, seed: int, state: Path):
    for name, part in chosen.items():
        folder = Path(tempfile.mkdtemp(prefix=f"{name.replace(' ', '-')}-{seed}-", dir=state))
        counted: Counter[str] = Counter()
        start, error = time.monotonic(), ""
        try:
            part(seed, folder.absolute(), counted)
        except Exception:
            error = traceback.format_exc()
            print(f"FAILED {name}, seed {seed}, kept in {folder}\n{error}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        seconds = round(time.monotonic() - start, 1)
        print(f"{name}, seed {seed}: {dict(counted)}, {seconds} s", flush=True)
        yield {
            "part": name, "seed": seed, "ok": not error, "seconds": seconds,
            "counted": dict(counted), "error": error, "version": __version__,
        }  # fmt: skip


def summary(told: list[dict]) -> int:
    """All rounds so far, those of earlier calls included."""
    failed = [each for each in told if not each["ok"]]
    for name in dict.fromkeys(each["part"] for each in told):
        of = [each for each in told if each["part"] == name]
        counted = sum((Counter(each["counted"]) for each in of), Counter())
        figures = ", ".join(f"{count:,} {what}" for what, count in counted.items())
        hours = sum(each["seconds"] for each in of) / 3600
        print(f"{name:12} {len(of):6,} rounds {hours:6.2f} h  {figures}")
    for each in failed:
        print(f"failed: {each['part']}, seed {each['seed']}: {each['error'].splitlines()[-1]}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
