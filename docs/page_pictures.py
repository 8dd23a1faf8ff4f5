"""Make the pictures of docs/page.md in chromium: `python docs/page_pictures.py [VIEW ...]`.

Every view in every look: light, dark, and narrow. They are small: few colours, well packed.
"""

from __future__ import annotations

import base64
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bt_lake.lake import Lake

FOLDER = Path(__file__).with_name("page")
TOKEN = "0123456789abcdef0123"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1120, "height": 660}},
    "dark": {"viewport": {"width": 1120, "height": 660}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 380, "height": 740}},
}
# How far down a view is shown, on a wide screen.
HEIGHTS = {"run": 1250, "sweep": 1010, "overfit": 1150, "compare": 900}
COLOURS = 128
# The commonest colours of a picture, and for each pixel the place of the one that is nearest.
FEWER = """async ([url, most]) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const { width, height } = image;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const pixels = new Uint32Array(pen.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const parts = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  // The commonest of each kind of colour first, so that a small green dot stays green.
  const seen = new Set(), common = [...counts].sort((a, b) => b[1] - a[1]).map(([pixel]) => pixel);
  const first = common.filter((pixel) => {
    const kind = parts(pixel).map((part) => part >> 5).join();
    return !seen.has(kind) && seen.add(kind);
  });
  const kept = [...new Set([...first, ...common])].slice(0, most);
  const palette = kept.map(parts), nearest = new Map(kept.map((pixel, place) => [pixel, place]));
  const place = (pixel) => {
    const [r, g, b] = parts(pixel);
    let best = 0, least = Infinity;
    palette.forEach(([x, y, z], at) => {
      const far = (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2;
      if (far < least) { least = far; best = at; }
    });
    nearest.set(pixel, best);
    return best;
  };
  const places = Uint8Array.from(pixels, (pixel) => nearest.get(pixel) ?? place(pixel));
  const text = Array.from({ length: Math.ceil(places.length / 32768) }, (_, at) =>
    String.fromCharCode(...places.subarray(at * 32768, (at + 1) * 32768))).join("");
  return [width, height, palette.flat(), btoa(text)];
}"""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))))
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder, "demo-lake")
        subprocess.run(
            [sys.executable, "-m", "bt_lake", "--lake", lake, "demo"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        best = Lake(lake).best("sharpe_ratio", 3, strategy="sma_cross")["run_id"].to_list()
        views = {
            "runs": f"/runs?sort=sharpe_ratio&show={best[0]}",
            "run": f"/run/{best[0]}",
            "compare": f"/compare?runs={','.join(best)}",
            "sweep": "/sweep/sma_cross?x=fast&y=slow",
            "overfit": "/overfit?strategy=sma_cross",
            "new": "/new?target=bt_lake.examples.sma_cross:run",
            "lake": "/lake",
        }
        chosen = sys.argv[1:] or list(views)
        with serving(lake) as base, sync_playwright() as running:
            browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            painter = browser.new_page()
            for look, options in LOOKS.items():
                page = browser.new_context(**options).new_page()
                for name in chosen:
                    # On a phone the panel would hide the table.
                    address = views[name].partition("&show")[0] if look == "narrow" else views[name]
                    page.set_viewport_size(options["viewport"])
                    page.goto(f"{base}{address}{'&' if '?' in address else '?'}token={TOKEN}")
                    page.locator("#view h1, .table .body .row, .side canvas").first.wait_for()
                    if name == "overfit":
                        page.locator(".verdict").wait_for(timeout=120_000)
                    if look != "narrow" and name in HEIGHTS:
                        page.set_viewport_size({"width": 1120, "height": HEIGHTS[name]})
                    page.wait_for_load_state("load")
                    page.wait_for_timeout(2500)
                    suffix = "" if look == "light" else f"-{look}"
                    (FOLDER / f"{name}{suffix}.png").write_bytes(small(painter, page.screenshot()))
                page.context.close()
            browser.close()


def small(painter: Page, picture: bytes) -> bytes:
    """The same PNG with a palette."""
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    width, height, palette, places = painter.evaluate(FEWER, [url, COLOURS])
    data = base64.b64decode(places)
    lines = b"".join(b"\0" + data[at : at + width] for at in range(0, len(data), width))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(palette)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


@contextmanager
def serving(lake: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bt_lake", "--lake", lake.name, "page", "--no-open", "--port", "0",
         "--allow", "bt_lake.examples.sma_cross:run"],
        env={**os.environ, "BT_LAKE_PAGE_TOKEN": TOKEN},
        cwd=lake.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().partition("/?")[0]
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
