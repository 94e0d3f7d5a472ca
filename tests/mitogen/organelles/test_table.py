"""The table of organelles: rows say what their drawing does, no two share a random stream, and a new row is enough."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest
from knob_settings import EVERYTHING
from mitochondria_views import medians

from mitogen.geometry.point_process import streams_of
from mitogen.organelles.organelle import Layer, Organelle, RoundBody
from mitogen.organelles.table import ORGANELLES, ROUND_BODIES
from mitogen.recipe.recipe import draw, load_recipe
from mitogen.rendering.image import grid_of
from mitogen.scene import inclusions, scene, section
from mitogen.scene.scene import Scene, build
from mitogen.scene.section import cut, lay_out, layer_of
from mitogen.tissue import layout
from mitogen.tissue.cell_types import HOLDS, CellType, types_holding
from mitogen.tissue.compartments import Compartment

UNMARKED = 255
SHAPE = (1, 192, 192)
MORE = {"section.pixel_nm": 12, "mitochondria.intermembrane_nm": 9, "somata.density_per_um3": 0.05} | {
    f"{organelle.name}.density_per_um3": 2 for organelle in ROUND_BODIES
}
PARAMS = {name: float(value) for name, value in (medians() | EVERYTHING | MORE).items()}
OTHER_TISSUES = ("muscle", 0), ("liver", 0), ("gland", 0), ("gland", 1), ("kidney", 0)
"""Presets, and images of them that show what neuropil has not."""
NAMES = pytest.mark.parametrize("organelle", ORGANELLES, ids=lambda organelle: organelle.name)


class Watched(Mapping[str, object]):
    """A mapping that knows what was asked of it."""

    def __init__(self, inside: Mapping[str, object]) -> None:
        self.inside, self.asked = inside, set[str]()

    def __getitem__(self, name: str) -> object:
        self.asked.add(name)
        return self.inside[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inside)

    def __len__(self) -> int:
        return len(self.inside)


@dataclass
class Uses:
    """What the drawing of one organelle has used in all images."""

    fields: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    compartments: set[int] = field(default_factory=set)


def with_holes(made: Scene) -> Scene:
    """The same scene, but a fifth of the cells are none."""
    types = made.layout.cells.types.copy()
    types[::5] = CellType.OUTSIDE
    return replace(made, layout=replace(made.layout, cells=made.layout.cells._replace(types=types)))


def draw_all(
    each: Callable[[Organelle, Layer], None], index: int = 0, params: Mapping[str, float] = PARAMS, holes: bool = True
) -> None:
    """Draw all organelles of an image in their order, by `each`."""
    grid, streams = grid_of(params, SHAPE), streams_of(3, index)
    made = build(params, streams, grid)
    made = with_holes(made) if holes else made
    layer = lay_out(made, params, grid, 0.0, streams, True)
    for organelle in ORGANELLES:
        each(organelle, layer_of(organelle, layer, made))


def draw_tissues(each: Callable[[Organelle, Layer], None]) -> None:
    """Draw images of other tissues than neuropil."""
    for preset, index in OTHER_TISSUES:
        params = draw(load_recipe(preset, overrides=["section.pixel_nm=30"]), 3, index)
        draw_all(each, index, params, holes=False)


@cache
def uses() -> dict[str, Uses]:
    found = {organelle.name: Uses() for organelle in ORGANELLES}

    def watch(organelle: Organelle, layer: Layer) -> None:
        layer = replace(layer, fields=Watched(layer.fields), keys=Watched(layer.keys))
        layer.canvas.compartments[...] = UNMARKED
        organelle.draw(layer)
        mine = found[organelle.name]
        mine.fields |= layer.fields.asked
        mine.keys |= layer.keys.asked
        mine.compartments |= set(np.unique(layer.canvas.compartments).tolist()) - {UNMARKED}

    for index in range(8):
        draw_all(watch, index)
    draw_tissues(watch)
    return found


@NAMES
def test_a_row_declares_what_its_drawing_uses(organelle: Organelle):
    used = uses()[organelle.name]
    assert used.fields == set(organelle.fields)
    assert used.keys == set(organelle.keys)
    assert used.compartments == {int(compartment) for compartment in organelle.compartments}


def test_drawing_is_offered_what_its_row_declares_and_nothing_else():
    def check(drawn: Organelle, layer: Layer) -> None:
        assert set(layer.fields) == set(drawn.fields), drawn.name
        assert set(layer.keys) == set(drawn.keys), drawn.name
        with pytest.raises(KeyError):
            layer.on_section("another's")

    draw_all(check)


def test_no_two_organelles_share_a_stream():
    fields = [*inclusions.FIELDS, *(name for organelle in ORGANELLES for name in organelle.fields)]
    keys = [name for organelle in ORGANELLES for name in organelle.keys]
    names = [organelle.name for organelle in ORGANELLES]
    for streams in (fields, keys, names):
        assert [name for name, times in Counter(streams).items() if times > 1] == []


def test_every_compartment_is_somebodys():
    assert {compartment for organelle in ORGANELLES for compartment in organelle.compartments} == set(Compartment)


def test_everything_that_cells_hold_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    asked = set()

    def remember(content: str) -> np.ndarray:
        asked.add(content)
        return types_holding(content)

    monkeypatch.setattr(layout, "types_holding", remember)
    for draw_some in (draw_all, draw_tissues):
        draw_some(lambda organelle, layer: organelle.draw(layer))
    assert asked == frozenset().union(*HOLDS.values())
    assert set(HOLDS) == set(CellType)
    with pytest.raises(KeyError):
        types_holding("nonsense")


@pytest.mark.parametrize(
    ("cell_type", "has_some"),
    [(CellType.ERYTHROCYTE, False), (CellType.MYELINATED, False), (CellType.BOUTON, False), (CellType.DENDRITE, True)],
)
def test_there_are_no_ribosomes_in_red_cells_and_axons(cell_type: CellType, has_some: bool):
    shown = []

    def draw_as(organelle: Organelle, layer: Layer) -> None:
        if organelle.name == "ribosomes":
            types = np.full_like(layer.cells.types, cell_type)
            layout_of_one_type = replace(layer.layout, cells=layer.cells._replace(types=types))
            layer.canvas.compartments[...] = UNMARKED
            organelle.draw(replace(layer, layout=layout_of_one_type))
            shown.append(bool((layer.canvas.compartments == Compartment.RIBOSOME).any()))

    draw_all(draw_as)
    assert shown == [has_some]


def draw_bubbles(layer: Layer) -> None:
    seen = layer.inclusions.of(layer.species)
    layer.canvas.density.reshape(-1)[seen.at] = 5.0
    assert layer.keys["bubbles"] >= 0
    assert abs(layer.on_section("bubbles").mean()) < 3


def test_a_row_is_all_that_a_new_organelle_needs(monkeypatch: pytest.MonkeyPatch):
    grid, streams = grid_of(PARAMS, SHAPE), streams_of(3, 0)
    before = build(PARAMS, streams, grid)
    bubbles = Organelle("bubbles", draw_bubbles, fields={"bubbles": 300.0}, keys=("bubbles",), body=RoundBody())
    for module in (scene, section):
        monkeypatch.setattr(module, "ORGANELLES", (*ORGANELLES, bubbles))
    for module in (section, inclusions, "mitogen.scene.candidates"):
        path = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{path}.ROUND_BODIES", (*ROUND_BODIES, bubbles))
    few = PARAMS | {"bubbles.density_per_um3": 20.0, "bubbles.radius_nm": 40.0}
    drawn = cut(made := build(few, streams, grid), few, grid, 0.0, streams)
    assert np.mean(drawn.density == 5.0) > 0.005
    none = PARAMS | {"bubbles.density_per_um3": 0.0, "bubbles.radius_nm": 40.0}
    same = cut(build(none, streams, grid), none, grid, 0.0, streams)
    monkeypatch.undo()
    np.testing.assert_array_equal(same.density, cut(before, PARAMS, grid, 0.0, streams).density)
    for name, waves in before.fields.items():
        np.testing.assert_array_equal(made.fields[name].k, waves.k)
