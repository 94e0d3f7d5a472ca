"""Every knob of the scene of tissue moves what it says, and nothing that is another's."""

from functools import cache, lru_cache

import numpy as np
import pytest
from knob_row import Row
from knob_rows import ROWS
from knob_settings import EVERYTHING, QUIET
from knob_views import SIZE, View

from mitogen.recipe.recipe import Recipe, draw, load_recipe
from mitogen.recipe.tissue_knobs import KNOBS

KNOB = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.knob)
SOME_KNOBS = pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=() if n % 4 == 0 else pytest.mark.slow) for n, row in enumerate(ROWS)],
    ids=lambda row: row.knob,
)
"""Every fourth; all of them among the slow tests."""


@cache
def medians() -> dict[str, float]:
    return {name: float(knob.fit(knob.default).ppf(0.5)) for name, knob in KNOBS.items()}


@lru_cache(maxsize=16)
def view(changed: frozenset[tuple[str, float]], index: int, size: int = SIZE) -> View:
    # As drawn numbers are: loops are compiled anew for whole ones.
    return View({name: float(value) for name, value in (medians() | QUIET | dict(changed)).items()}, index, size)


def measured(row: Row, value: float) -> float:
    setting = frozenset({**row.base, row.knob: value}.items())
    return float(np.nanmean([row.grows(view(setting, index)) for index in range(2)]))


def test_every_knob_has_a_row():
    # A choice of one thing moves nothing.
    assert [row.knob for row in ROWS] == [name for name, knob in KNOBS.items() if knob.low < knob.high]
    assert all(KNOBS[row.knob].low <= row.low < row.high <= KNOBS[row.knob].high for row in ROWS)


@KNOB
def test_a_knob_moves_what_it_says(row: Row):
    less, more = measured(row, row.low), measured(row, row.high)
    assert more - less > 0.1 * max(abs(more), abs(less))


# --- and nothing else

INSIDES = (
    "cristae.", "mitochondria.membrane", "mitochondria.intermembrane", "mitochondria.matrix", "mitochondria.mottle",
    "mitochondria.granule", "mitochondria.clearance", "mitochondria.degenerate",
)  # fmt: skip
MOVES_MITOCHONDRIA = {
    name for name in KNOBS if name.startswith(("section.", "mitochondria.")) and not name.startswith(INSIDES)
} | {
    # They stay out of the borders of trunks, of myelin and of nuclei.
    "neurites.density_per_um3", "neurites.radius_nm", "myelin.density_per_um3", "myelin.radius_nm",
    "myelin.sheath_ratio", "somata.density_per_um3", "somata.radius_nm", "tissue.arrangement",
}  # fmt: skip
OWN_FIELDS = {
    "boutons.cluster_nm": {"cluster"}, "synapses.spacing_nm": {"patch"},
    "reticulum.tubule_spacing_nm": {"tubule_1", "tubule_2"}, "t_bars.density_per_um2": {"t_bar_1", "t_bar_2"},
    "nuclei.pores_per_um2": {"pore_1", "pore_2"}, "rosettes.radius_nm": {"rosette"},
}  # fmt: skip
LAYS_OUT_CELLS = {f"cells.{name}" for name in (
    "calibre_nm", "calibre_spread", "elongation", "tortuosity", "waviness_nm", "wave_length_nm")}  # fmt: skip
LAYS_OUT_CELLS |= {"tissue.arrangement"}


CROWD, CROWD_PX = 20, 80
"""The image that is looked at, and its edge: one that shows mitochondria and most of the rest."""


def turned(row: Row, index: int = CROWD) -> tuple[View, View]:
    """A crowded image, and the same with the knob at that end of its row which is further away."""
    before = view(frozenset(EVERYTHING.items()), index, CROWD_PX)
    far = max((row.low, row.high), key=lambda value: abs(value - before.params[row.knob]))
    return before, view(frozenset({**EVERYTHING, row.knob: far}.items()), index, CROWD_PX)


@cache
def plain() -> Recipe:
    return load_recipe()


@cache
def drawn(index: int) -> dict[str, float]:
    return draw(plain(), 5, index)


@KNOB
def test_a_knob_leaves_every_other_number_as_it_was(row: Row):
    turned_up = plain().override({row.knob: row.high})
    for index in range(3):
        assert {**drawn(index), row.knob: row.high} == draw(turned_up, 5, index)


@SOME_KNOBS
def test_a_knob_leaves_the_streams_of_others_untouched(row: Row):
    before, after = turned(row)
    assert before.scene.keys == after.scene.keys
    for name, field in before.scene.fields.items():
        np.testing.assert_array_equal(field.phase, after.scene.fields[name].phase)
        if name not in OWN_FIELDS.get(row.knob, ()):
            np.testing.assert_array_equal(field.k, after.scene.fields[name].k)
    if row.knob not in LAYS_OUT_CELLS and row.knob != "section.pixel_nm":
        for mine, others in zip(before.layout, after.layout, strict=True):
            np.testing.assert_array_equal(mine, others)
    if row.knob not in MOVES_MITOCHONDRIA:
        # Instances have other numbers where the scene is built further around, as for shifted sections.
        same = (lambda label: label > 0) if row.knob == "stack.jitter_nm" else np.asarray
        np.testing.assert_array_equal(same(before.section.label), same(after.section.label))
    if KNOBS[row.knob].unit == "density" or row.knob.startswith(("imaging.", "stack.")):
        np.testing.assert_array_equal(before.section.compartments, after.section.compartments)
    if row.knob.startswith(("imaging.", "stack.")):
        np.testing.assert_array_equal(before.section.density, after.section.density)


def test_the_crowded_image_shows_what_could_change():
    before = view(frozenset(EVERYTHING.items()), CROWD, CROWD_PX)
    assert len(np.unique(before.section.label)) > 4
    assert len(np.unique(before.section.compartments)) > 14
    assert len(before.scene.layout.trunks.tubes) > 0
    assert len(np.unique(before.scene.inclusions.species)) > 1
