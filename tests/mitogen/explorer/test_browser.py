"""The page in a browser: a slider is dragged, the picture follows, and what is saved renders the same bytes."""

import html
import json
import os
import re
import shutil
import subprocess
from base64 import b64decode
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest
from here import Here
from PIL import Image
from program import Program
from served import make, served
from starlette.responses import HTMLResponse
from starlette.routing import Route

from mitodata.hdf5.dataset import Dataset
from mitogen.explorer.own_images import OwnImages
from mitogen.explorer.segmenter import Plugin, SegmenterQueue
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.image import render

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

PROBE = """<script>
window.problems = [];
addEventListener("error", (event) => problems.push(event.message), true);
</script>
<script type="module">
const $ = (id) => document.getElementById(id);
const until = async (test) => { while (!test()) await new Promise((done) => setTimeout(done, 50)); };
const shown = () => document.body.dataset.shownA ?? "";
const number = () => document.querySelector("[data-knob='cells.gap_nm'] .value").value;
await until(() => shown() && number());
const before = shown(), slider = $("slider-cells.gap_nm"), own = number();
for (const step of [300, 500, 700]) {
  slider.value = step;
  slider.dispatchEvent(new Event("input"));
}
slider.dispatchEvent(new Event("change"));
await until(() => shown().includes(`cells.gap_nm=${number()}`) && $("command").textContent.includes(number()));
const probe = { set: number(), search: location.search, command: $("command").textContent, recipe: $("save").href };
probe.recipe = await (await fetch(probe.recipe)).text();
const bytes = new Uint8Array(await (await fetch(document.querySelector("#figure-a img").src)).arrayBuffer());
probe.png = btoa(String.fromCharCode(...bytes));
$("search").value = "crista nm";
$("search").dispatchEvent(new Event("input"));
probe.found = [...document.querySelectorAll(".knob")].filter((row) => row.offsetParent).map((row) => row.dataset.knob);
$("other").value = "vnc";
$("other").dispatchEvent(new Event("change"));
$("look").open = true;
await until(() => document.body.dataset.shownB && document.querySelectorAll("#histogram polyline").length >= 2);
probe.rows = $("statistics").rows.length;
probe.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
history.back();
await until(() => !location.search.includes("other="));
history.back();
await until(() => shown() === before && number() === own);
$("model").value = "errors";
$("model").dispatchEvent(new Event("change"));
const asked = $("model-a");
await until(() => asked.dataset.shown && asked.querySelector("b"));
probe.model = { asked: asked.dataset.shown, caption: asked.textContent, size: asked.querySelector("img").naturalWidth };
probe.waiting = asked.classList.contains("waiting");
if (!$("nearer").hidden) {
  $("look").open = true;
  $("look-nearer").click();
  await until(() => $("steps").rows.length);
  probe.step = [...$("steps").rows[0].cells].map((cell) => cell.textContent);
  $("steps").rows[0].querySelector("button").click();
  probe.stepped = new URLSearchParams(location.search).get(probe.step[0]);
  probe.forgotten = $("steps").rows.length;
}
probe.wide = Math.max(probe.wide, document.documentElement.scrollWidth - document.documentElement.clientWidth);
probe.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
probe.problems = problems;
document.body.dataset.probe = JSON.stringify(probe);
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.usefixtures("no_processes")
@pytest.mark.parametrize("width", [1280, 800])
def test_the_picture_follows_the_slider(run: Program, tmp_path: Path, width: int) -> None:
    page = (files("mitogen.explorer") / "page" / "index.html").read_text(encoding="utf-8")
    # The real model is asked by tests of mitoseg; this one takes no time.
    noisy = render(load_recipe("em3d", overrides=["imaging.noise=20"]), 3, 2, (1, 64, 64)).raw[0]
    own = OwnImages("real.h5", 5.0, (noisy,)) if width == 1280 else None
    app = make(own_images=own, segmenter=SegmenterQueue(Here(Plugin("segmenters:load"), 1)))
    app.router.routes.append(Route("/probe", lambda request: HTMLResponse(page.replace("</body>", PROBE))))
    start = {"recipe": "em3d", "seed": "3", "index": "2", "size": "64", "layer": "plain"}
    with served(app) as site:
        probe = look_at(f"{site.address}/probe?{urlencode(start)}", tmp_path, width)
    assert probe["problems"] == []
    assert probe["wide"] <= 0, "the page is wider than the window"
    assert all(name.startswith((site.address, "blob:", "data:")) for name in probe["requests"])
    assert parse_qs(probe["search"][1:]) == {
        name: [value] for name, value in {**start, "cells.gap_nm": probe["set"]}.items()
    }
    assert 2 < float(probe["set"]) < 100
    assert "cristae.spacing_nm" in probe["found"]
    assert all(name.startswith(("cristae.", "mitochondria.")) for name in probe["found"])
    assert probe["rows"] > 10
    assert probe["model"]["asked"].startswith("/errors?recipe=em3d&")
    assert probe["model"]["size"] == 64
    assert "dark IoU 0." in probe["model"]["caption"]
    assert not probe["waiting"]
    if width == 1280:
        knob, change, *_ = probe["step"]
        assert knob.startswith(("imaging.", "cells."))
        assert f"→ {probe['stepped']} " in change
        assert probe["forgotten"] == 0
    Path("saved.toml").write_text(probe["recipe"])
    assert run("render", "--recipe", "saved.toml", "--seed", "3", "--size", "64", "--only", "2", "-o", "a.h5")[0] == 0
    with Dataset(Path("a.h5")) as dataset, Image.open(BytesIO(b64decode(probe["png"]))) as picture:
        np.testing.assert_array_equal(np.array(picture), dataset[0].raw[0])


def look_at(address: str, tmp_path: Path, width: int) -> dict[str, Any]:
    """What the probe finds."""
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"--window-size={width},900", "--virtual-time-budget=60000", "--dump-dom", address]
    environment = {**os.environ, "HOME": str(tmp_path)}
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=True).stdout
    match = re.search(r'data-probe="([^"]*)"', shown)
    assert match, shown  # else the probe did not come to its end
    found: dict[str, Any] = json.loads(html.unescape(match[1]))
    return found
