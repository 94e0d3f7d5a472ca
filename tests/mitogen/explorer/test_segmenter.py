"""A model that is asked about rendered images: what it says, where it fails, and that mitogen does without it."""

import asyncio
import json
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import EntryPoint
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import segmenters
from here import Here
from PIL import Image
from program import Program
from served import Site, make, served

from mitodata import RunError, Sample
from mitodata.sample import IGNORE
from mitogen.explorer import segmenter
from mitogen.explorer.bounded_queue import BusyError
from mitogen.explorer.segmenter import (
    GROUP,
    MOST_WAITING,
    Plugin,
    Segmentation,
    SegmenterQueue,
    find_plugin,
    model_name,
    segment_section,
)
from mitogen.explorer.verdict import FOUND, MISSED, WRONG, describe_verdict, paint_errors, paint_probability
from mitogen.explorer.view import View
from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.recipe.rng import stream
from mitogen.tissue.compartments import Compartment

LOADER = "segmenters:load"


def quick(recipe: Recipe, seed: int, index: int, shape: tuple[int, int, int], compartments: bool) -> Sample:
    """An image in no time: a mitochondrion in noise."""
    raw = stream(seed, index, "noise").integers(0, 256, shape, dtype=np.uint8)
    label = np.zeros(shape, np.uint16)
    label[:, 2:8, 2:9] = 1
    mask = (label > 0).astype(np.uint8)
    return Sample(raw, (8, 8, 8), label, mask, compartment=6 * mask if compartments else None)


@pytest.fixture
def asked() -> Iterator[Callable[[str | None], Site]]:
    """Serve quick images and a model of `segmenters`, by its name."""
    with ExitStack() as stack:

        def serve(model: str | None) -> Site:
            queue = SegmenterQueue(Here(Plugin(LOADER, model), 1))
            return stack.enter_context(served(make(renderer=quick, segmenter=queue)))

        yield serve


def truth() -> tuple[Sample, Segmentation]:
    """Two mitochondria, one of them found, and something else that was taken for one."""
    label = np.zeros((1, 20, 20), np.uint16)
    label[0, 2:8, 2:8], label[0, 2:8, 12:18] = 1, 2
    compartment = np.where(label > 0, Compartment.MATRIX, Compartment.CYTOPLASM).astype(np.uint8)
    compartment[0, 12:18, 2:8] = Compartment.LYSOSOME
    raw = np.full(label.shape, 100, np.uint8)
    sample = Sample(raw, (8, 8, 8), label, (label > 0).astype(np.uint8), compartment=compartment)
    mask = np.zeros((20, 20), bool)
    mask[2:8, 2:8], mask[12:15, 2:8] = True, True
    return sample, Segmentation("a model", mask, np.where(mask, 1, 0).astype(np.float16))


def test_a_verdict_says_how_good_and_where_it_fails() -> None:
    verdict = describe_verdict(*truth())
    assert (verdict["iou"], verdict["precision"], verdict["recall"]) == pytest.approx((36 / 90, 36 / 54, 36 / 72))
    assert (verdict["mitochondria"], verdict["found"]) == (2, 1)
    assert verdict["missed"] == [("matrix", 1.0)]
    assert verdict["wrong"] == [("lysosome", 1.0)]


def test_what_has_no_truth_does_not_count() -> None:
    sample, found = truth()
    assert sample.mask is not None
    mask = sample.mask.copy()
    mask[0, 12:18, 2:8] = IGNORE
    assert describe_verdict(replace(sample, mask=mask), found)["precision"] == 1


def test_an_image_without_mitochondria_has_no_iou() -> None:
    sample, found = truth()
    assert sample.label is not None
    empty = replace(sample, label=0 * sample.label, mask=np.zeros(sample.raw.shape, np.uint8))
    nothing = replace(found, mask=np.zeros_like(found.mask))
    verdict = describe_verdict(empty, nothing)
    assert (verdict["iou"], verdict["precision"], verdict["recall"]) == (None, None, None)
    assert (verdict["mitochondria"], verdict["found"], verdict["missed"], verdict["wrong"]) == (0, 0, [], [])
    assert describe_verdict(empty, found)["iou"] == 0


def test_errors_have_their_colours() -> None:
    sample, found = truth()
    painted = np.array(paint_errors(sample, found)).astype(int)
    for place, colour in (((3, 3), FOUND), ((3, 13), MISSED), ((13, 3), WRONG)):
        np.testing.assert_allclose(painted[place], 0.55 * 100 + 0.45 * np.array(colour), atol=1)
    assert painted[10, 10].tolist() == [100, 100, 100]
    said = np.array(paint_probability(sample, found))
    assert (said[5, 5].tolist(), said[10, 10].tolist(), said[2, 2].tolist()) == ([255] * 3, [0] * 3, list(FOUND))


def test_the_page_shows_what_the_model_says(asked: Callable[[str | None], Site]) -> None:
    site = asked(None)
    assert json.loads(site.get("/start").text)["model"] is True
    sample = quick(load_recipe("mito"), 3, 1, (1, 48, 48), True)
    expected = describe_verdict(sample, segment_section(Plugin(LOADER), sample.raw, sample.voxel_size_nm))
    query = "seed=3&index=1&size=48"
    assert json.loads(site.get(f"/verdict?{query}").text) == json.loads(json.dumps(expected))
    for name in ("errors", "probability"):
        answer = site.get(f"/{name}?{query}&layer=outlines")
        assert answer.headers["content-type"] == "image/png"
        with Image.open(BytesIO(answer.body)) as picture:
            assert (picture.size, picture.mode) == ((48, 48), "RGB")


def test_an_image_is_looked_at_once(asked: Callable[[str | None], Site], monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(segmenters.Dark, "segment", lambda _, raw, __: looked.append(raw) or (raw < 90, raw / 255))
    site = asked(None)
    for name in ("errors", "verdict", "probability", "errors"):
        assert site.get(f"/{name}?size=16").status == 200
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("model", "query", "status", "line"),
    [
        ("missing", "size=16", 400, "missing: not found"),
        ("broken", "size=16", 500, "the model failed: ValueError: no memory; a fault"),
        (None, "size=16&recipe=blobs", 400, "looks for mitochondria, and the scene blobs has none"),
        (None, "size=4096", 400, "from 16 to 1024"),
    ],
)
def test_what_goes_wrong_is_one_line(
    asked: Callable[[str | None], Site], model: str | None, query: str, status: int, line: str
) -> None:
    answer = asked(model).get(f"/verdict?{query}")
    assert (answer.status, answer.text.count("\n")) == (status, 0)
    assert line in answer.text


def test_without_a_model_the_page_says_so(monkeypatch: pytest.MonkeyPatch, run: Program) -> None:
    with served(make(renderer=quick)) as site:
        assert json.loads(site.get("/start").text)["model"] is False
        answer = site.get("/verdict?size=16")
    assert (answer.status, "no model is installed" in answer.text) == (400, True)
    monkeypatch.setattr(segmenter, "entry_points", lambda group: ())
    assert find_plugin() is None
    assert "--model runs/first: no model is installed" in run.fails("explore", "--model", "runs/first")


def test_the_model_of_mitoseg_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    points = [EntryPoint(name, value, GROUP) for name, value in project["entry-points"][GROUP].items()]
    monkeypatch.setattr(segmenter, "entry_points", lambda group: points if group == GROUP else ())
    plugin = find_plugin("runs/first")
    assert plugin == Plugin("mitoseg.evaluation.segmenter:load_segmenter", "runs/first")
    with pytest.raises(RunError, match="runs/first: not found"):
        model_name(plugin)


def test_who_asks_for_too_much_is_told_to_wait() -> None:
    async def ask() -> None:
        class Slow(Here):
            def submit(self, function: Callable[..., object], *arguments: object) -> "Future[object]":
                return Future()

        queue, (sample, _) = SegmenterQueue(Slow(None, 1)), truth()
        asked = [asyncio.create_task(queue.found(View(index=i), sample)) for i in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="4 images are waiting already"):
            await queue.found(View(index=99), sample)
        queue.close()
        await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(ask())
