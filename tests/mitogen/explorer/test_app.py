"""The explorer over HTTP: pictures are what the command line renders, and nonsense is one line."""

import json
import shlex
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from here import Here
from numpy.typing import NDArray
from PIL import Image
from program import Program
from served import Site, make, served

from mitodata import Sample
from mitodata.hdf5.dataset import Dataset, Provenance
from mitodata.hdf5.writer import write_dataset
from mitogen.explorer.own_images import read_own
from mitogen.explorer.recipes import Recipes
from mitogen.recipe.recipe import draw, load_recipe
from mitogen.rendering.image import render

SMALL = {"seed": "3", "size": "48"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of a user's own."""
    path = tmp_path_factory.mktemp("own") / "my own.toml"
    path.write_text('base = "epfl"\n[section]\npixel_nm = 9\n')
    return path


@pytest.fixture(scope="module")
def site(own: Path) -> Iterator[Site]:
    with served(make(Recipes.of(own))) as site:
        yield site


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(png)) as picture:
        return np.array(picture)


def rendered(run: Program, command: str) -> NDArray[np.uint8]:
    """What a command of the page renders."""
    program, *arguments = shlex.split(command)
    assert program == "mitogen"
    code, _, errors = run(*arguments, "--workers", "1")
    assert code == 0, errors
    with Dataset(Path(arguments[-1])) as dataset:
        return dataset[0].raw[0]


def test_the_picture_is_the_rendered_image(site: Site) -> None:
    answer = site.get(f"/image?{urlencode({**SMALL, 'recipe': 'vnc', 'index': '2', 'cells.gap_nm': '30'})}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/png"
    sample = render(load_recipe("vnc", overrides=["cells.gap_nm=30"]), 3, 2, (1, 48, 48))
    np.testing.assert_array_equal(pixels(answer.body), sample.raw[0])


def test_layers_lie_on_the_same_image(site: Site) -> None:
    query = urlencode({**SMALL, "recipe": "em3d", "index": "1", "size": "96", "mitochondria.volume_fraction": "0.3"})
    plain, lines, paint = (
        pixels(site.get(f"/image?{query}&layer={layer}").body) for layer in ("plain", "outlines", "compartments")
    )
    sample = render(
        load_recipe("em3d", overrides=["mitochondria.volume_fraction=0.3"]), 3, 1, (1, 96, 96), compartments=True
    )
    assert sample.label is not None
    assert sample.label.any()
    assert plain.shape == (96, 96)
    touched = (lines != plain[..., None]).any(axis=-1)
    assert 0 < touched.mean() < 0.5
    assert not (touched & (sample.label[0] == 0)).any()
    assert (paint != plain[..., None]).any(axis=-1).mean() > touched.mean()


@pytest.mark.usefixtures("no_processes")
@pytest.mark.parametrize(
    "asked",
    [
        {"recipe": "mito", "index": "5", "cells.gap_nm": "30", "mitochondria.radius_nm": "{ uniform = [90, 200] }"},
        {"recipe": "mito", "index": "0", "tissue.arrangement": '"loose cells"'},
        {"recipe": "blobs", "index": "1"},
        {"recipe": "my own.toml", "index": "1", "imaging.noise": "20"},
    ],
)
def test_command_and_saved_recipe_render_the_same_bytes(
    site: Site, own: Path, run: Program, tmp_path: Path, asked: dict[str, str]
) -> None:
    query = urlencode({**SMALL, **asked})
    shown = pixels(site.get(f"/image?{query}").body)
    described = json.loads(site.get(f"/describe?{query}").text)
    np.testing.assert_array_equal(rendered(run, described["command"]), shown)
    saved = site.get(f"/recipe.toml?{query}")
    assert "attachment" in saved.headers["content-disposition"]
    (tmp_path / own.name).write_bytes(own.read_bytes())
    (tmp_path / "saved.toml").write_text(saved.text)
    command = f"mitogen render --recipe saved.toml --seed 3 --size 48 --only {asked['index']} -o saved.h5"
    np.testing.assert_array_equal(rendered(run, command), shown)


def test_a_view_comes_with_its_numbers_and_what_the_recipe_draws(site: Site) -> None:
    query = urlencode({**SMALL, "recipe": "mito", "index": "4", "cells.gap_nm": "30"})
    described = json.loads(site.get(f"/describe?{query}").text)
    numbers = draw(load_recipe("mito", overrides=["cells.gap_nm=30"]), 3, 4)
    assert {name: knob["drawn"] for name, knob in described["knobs"].items()} == numbers
    assert described["knobs"]["cells.gap_nm"]["text"] != "30"
    low, high = described["knobs"]["imaging.noise"]["range"]
    assert low < high
    assert "--n 1000" in described["dataset"]
    assert described["kind"] in [kind.name for kind in load_recipe("mito").kinds]


def test_the_page_knows_every_recipe_and_knob(site: Site) -> None:
    start = json.loads(site.get("/start").text)
    recipes = {recipe["name"]: recipe for recipe in start["recipes"]}
    assert {"mito", "blobs", "liver", "my own.toml"} <= recipes.keys()
    for recipe in recipes.values():
        knobs = {knob["name"]: knob for knob in start["scenes"][recipe["scene"]]}
        assert all(knob["help"] and knob["low"] < knob["high"] for knob in knobs.values())
        if recipe["name"] == "mito":
            assert knobs.keys() == load_recipe("mito").values.keys()
            assert len(recipe["kinds"]) > 5


def test_the_next_image_of_a_kind(site: Site) -> None:
    query = urlencode({**SMALL, "recipe": "mito", "index": "7"})
    index = json.loads(site.get(f"/next?{query}&kind=liver").text)["index"]
    assert index >= 7
    described = json.loads(site.get(f"/describe?{urlencode({**SMALL, 'recipe': 'mito', 'index': str(index)})}").text)
    assert described["kind"] == "liver"
    assert "kind 'lever': not in the recipe" in site.get(f"/next?{query}&kind=lever").text


def test_statistics_are_those_of_the_picture(site: Site) -> None:
    query = urlencode({**SMALL, "recipe": "vnc"})
    shown = pixels(site.get(f"/image?{query}").body)
    look = json.loads(site.get(f"/look?{query}").text)
    np.testing.assert_allclose(look["histogram"], np.bincount(shown.ravel(), minlength=256) / shown.size)
    values = {row["name"]: row["value"] for row in look["values"]}
    assert values["grey.mean"] == pytest.approx(shown.mean())


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("recipe=mit", "did you mean mito?"),
        ("recipe=../../mine.toml", "unknown"),
        ("seed=-1", "seed=-1: expected a whole number from 0"),
        ("seed=9223372036854775808", "expected a whole number"),
        ("index=1e3", "index=1e3: expected a whole number"),
        ("size=8", "from 16 to 1024"),
        ("size=4096", "from 16 to 1024"),
        ("layer=labels", "layer=labels: expected one of plain"),
        ("layer=compartments&recipe=blobs", "the scene blobs has none"),
        ("sede=3", "sede: unknown; did you mean seed?"),
        ("seed=1&seed=2", "seed: got it twice"),
        ("cells.gap=3", "did you mean cells.gap_nm?"),
        ("cells.gap_nm=300", "300 is outside the allowed 2 to 100 nm"),
        ("cells.gap_nm=nan", "finite"),
        ("cells.gap_nm=", "expected section.knob=VALUE"),
        ("cells.gap_nm=%7Buniform%3D%5B5%5D%7D", "high is missing"),
        ("%F0%9F%8E%B2.x=1", "unknown knob"),
    ],
)
def test_nonsense_is_answered_by_one_line(site: Site, query: str, line: str) -> None:
    for page in ("image", "describe", "look", "recipe.toml"):
        answer = site.get(f"/{page}?{query}")
        assert answer.status == 400, answer.text
        assert line in answer.text
        assert "\n" not in answer.text
        assert "--set" not in answer.text


def test_nothing_but_the_page_is_served(site: Site) -> None:
    for path in ("/index.html", "/", "/explorer.js", "/explorer.css"):
        answer = site.get(path)
        assert answer.status == 200
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    for path in ("/app.py", "/%2e%2e/app.py", "/page/index.html", "/..%2fapp.py", "//etc/passwd", "/my%20own.toml"):
        assert site.get(path).status == 404, path
    foreign = site.get("/image", Host="example.org")
    assert foreign.status == 400
    assert "host" in foreign.text


def test_what_cannot_be_rendered_is_said_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "standin")
    import standin

    with served(make(renderer=standin.failing)) as site:
        answer = site.get("/image?index=5&size=16")
        assert (answer.status, answer.text.count("\n")) == (500, 0)
        assert "image 5: ValueError: no room for a nucleus" in answer.text
        assert site.get("/image?index=4&size=16").status == 200


def test_own_images_stand_beside_it_and_their_labels_stay_closed(tmp_path: Path, site: Site) -> None:
    assert "--image FILE.h5" in site.get("/own").text
    assert json.loads(site.get("/start").text)["own"] is None
    rng = np.random.default_rng(0)
    samples = [Sample(rng.integers(0, 256, (3, 40, 60), np.uint8), (30.0, 6.0, 6.0)) for _ in range(2)]
    write_dataset(tmp_path / "real.h5", samples, Provenance(source="test"))
    own = read_own(tmp_path / "real.h5")
    with served(make(own_images=own)) as beside:
        said = json.loads(beside.get("/start").text)["own"]
        assert said == {"name": "real.h5", "pixel_nm": 6.0, "count": 6}
        for number, crop in enumerate(own.crops):
            shown = pixels(beside.get(f"/own?number={number}").body)
            np.testing.assert_array_equal(shown, crop)
            assert any((shown == section[:, 10:50]).all() for sample in samples for section in sample.raw)
        look = json.loads(beside.get("/own-look").text)
        assert len(look["histogram"]) == 256
        for number in ("6", "-1", "x"):
            answer = beside.get(f"/own?number={number}")
            assert (answer.status, "from 0 to 5" in answer.text) == (400, True)


def test_an_image_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "standin")
    import standin

    calls = []
    submit = Here.submit
    monkeypatch.setattr(Here, "submit", lambda *a: calls.append(a[-1]) or submit(*a))
    with served(make(renderer=standin.quick)) as site:
        calls.clear()
        answers = {site.get("/image?size=16&layer=compartments").body, site.get("/image?size=16&layer=outlines").body}
        assert site.get("/look?size=16").status == site.get("/image?size=16").status == 200
        assert (len(answers), len(calls)) == (2, 1)
        site.get("/image?size=16&index=1")
        assert len(calls) == 2
