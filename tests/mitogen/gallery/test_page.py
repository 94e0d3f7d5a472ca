"""The page of strips: complete, the same for any number of workers, and never in the way of other files."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mitodata.errors import DataError, RecipeError
from mitogen.gallery.page import make_gallery, mattering
from mitogen.gallery.strips import Studio
from mitogen.recipe.recipe import load_recipe
from mitogen.recipe.tissue_knobs import ARRANGED
from mitogen.rendering.job import RenderError

STANDIN = Path(__file__).parents[1] / "standin"
NAMES = ["lipid.radius_nm", "imaging.white", "imaging.noise"]  # in the order of the table


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Studio:
    """Workers inherit the path, and so find the stand-in renderers."""
    monkeypatch.syspath_prepend(STANDIN)
    import standin

    return Studio(load_recipe(), size=16, images=3, renderer=standin.grey_of_white)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_page_with_a_strip_for_every_knob(studio: Studio, tmp_path: Path) -> None:
    page = make_gallery(studio, tmp_path / "a", NAMES[::-1], 2, title="mine").read_text(encoding="utf-8")
    assert set(contents(tmp_path / "a")) == {"index.html", *(f"strips/{name}.png" for name in NAMES)}
    assert re.findall(r'<article id="(.*?)"', page) == NAMES
    assert set(re.findall(r'(?:src|href)="([^#].*?)"', page)) == {f"strips/{name}.png" for name in NAMES}
    assert "Grey level of clear resin." in page
    assert "Recipe <code>{ uniform = [150, 250] }</code>, allowed 40 to 400 grey." in page
    assert page.count("No visible difference in the fields of view that were tried.") == 2
    make_gallery(studio, tmp_path / "b", NAMES, 1, title="mine")
    assert contents(tmp_path / "b") == contents(tmp_path / "a")


@pytest.mark.usefixtures("no_processes")
def test_a_section_of_knobs(studio: Studio, tmp_path: Path) -> None:
    page = make_gallery(studio, tmp_path / "a", ["lipid", "imaging.noise"], 1).read_text(encoding="utf-8")
    assert set(re.findall(r'<article id="(.*?)"', page)) == {
        "imaging.noise", *(name for name in studio.recipe.knobs if name.startswith("lipid."))
    }  # fmt: skip
    with pytest.raises(RecipeError, match=r"lipit: unknown knob"):
        make_gallery(studio, tmp_path / "b", ["lipit"], 1)


@pytest.mark.usefixtures("no_processes")
def test_only_galleries_are_replaced(studio: Studio, tmp_path: Path) -> None:
    make_gallery(studio, tmp_path / "a", ["imaging.white"], 1)
    with pytest.raises(DataError, match="exists already"):
        make_gallery(studio, tmp_path / "a", ["imaging.noise"], 1)
    make_gallery(studio, tmp_path / "a", ["imaging.noise"], 1, overwrite=True)
    assert "strips/imaging.noise.png" in contents(tmp_path / "a")
    (tmp_path / "a" / "thesis.txt").write_text("precious")
    for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "thesis.txt"):
        with pytest.raises(DataError, match="is not a gallery and is left alone"):
            make_gallery(studio, folder, ["imaging.white"], 1, overwrite=True)
    assert (tmp_path / "a" / "thesis.txt").read_text() == "precious"


def test_a_failure_leaves_nothing_behind(studio: Studio, tmp_path: Path) -> None:
    import standin

    with pytest.raises(RenderError, match=r"imaging\.white=\d+: ValueError: too bright"):
        make_gallery(replace(studio, renderer=standin.breaking), tmp_path / "a", NAMES, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("preset", "has", "lacks"), [("brain", "cells.", "fibres."), ("heart", "fibres.", "tubule.")])
def test_knobs_of_arrangements_that_are_never_drawn_have_no_strip(preset: str, has: str, lacks: str) -> None:
    names = tuple(mattering(load_recipe(preset)))
    assert any(name.startswith(has) for name in names)
    assert not any(name.startswith(lacks) for name in names)
    assert set(ARRANGED) <= {name.split(".")[0] for name in load_recipe().knobs}
