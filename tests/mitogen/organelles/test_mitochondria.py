"""The inside of mitochondria: the envelope, kinds of cristae, states."""

import numpy as np
import pytest
from mitochondria_views import cristae_of, draw_one, medians, numbers, place, rod
from scipy.ndimage import binary_dilation, distance_transform_edt

from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import streams_of
from mitogen.geometry.tubes import Tubes
from mitogen.recipe.recipe import draw, load_recipe
from mitogen.recipe.tissue_knobs import KNOBS
from mitogen.rendering.image import grid_of
from mitogen.scene.scene import build
from mitogen.scene.section import cut
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.compartments import Compartment


def test_compartments_follow_one_another_from_the_outside_in():
    canvas, distance = draw_one(numbers(cristae__share=0.0, mitochondria__intermembrane_nm=9.0))
    depth = {compartment: -distance[canvas.compartments == compartment].mean() for compartment in (
        Compartment.OUTER_MEMBRANE, Compartment.INTERMEMBRANE_SPACE, Compartment.INNER_MEMBRANE,
        Compartment.MATRIX)}  # fmt: skip
    assert list(depth.values()) == sorted(depth.values())
    assert (
        canvas.density[canvas.compartments == Compartment.INNER_MEMBRANE].mean()
        > canvas.density[canvas.compartments == Compartment.MATRIX].mean()
    )


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 0, 0)])
def test_kinds_of_cristae_look_different(axis):
    ratio = {}
    for kind in ("lamellar", "tubular", "vesicular", "concentric"):
        share = {} if kind == "lamellar" else {f"cristae__{kind}_share": 1.0}
        regions = []
        for seed in range(4):
            params = numbers(cristae__bending_nm=0.0, cristae__lumen_nm=12.0, cristae__spacing_nm=50.0, **share)
            canvas, _ = draw_one(params, rod(axis=axis), seed)
            regions += cristae_of(canvas)
        assert len(regions) > 4, kind
        weights = [region.area for region in regions]
        ratio[kind] = np.average(
            [r.axis_major_length / max(r.axis_minor_length, 1.0) for r in regions], weights=weights
        )
    assert ratio["vesicular"] < 1.7
    if axis == (0, 0, 1):
        # Sheets across the axis are lines, tubes along it are long.
        assert ratio["lamellar"] > 3
        assert ratio["tubular"] > 2.5
    else:
        # Tubes cut across are round.
        assert ratio["tubular"] < 2


def test_concentric_cristae_follow_the_outline():
    def spread(**share: float) -> float:
        canvas, distance = draw_one(
            numbers(cristae__share=1.0, cristae__bending_nm=0.0, cristae__domain_nm=1e4, **share), rod(0.0, 250.0)
        )
        ring = (distance < -60) & (distance > -200)
        depths = np.histogram(-distance[ring & (canvas.compartments == Compartment.CRISTA)], 28, (60, 200))[0]
        return float(np.std(depths / np.histogram(-distance[ring], 28, (60, 200))[0]))

    assert spread(cristae__concentric_share=1.0) > 2 * spread()


def test_cristae_agree_from_section_to_section_and_differ_between_mitochondria():
    params = numbers(cristae__contrast=1.5)
    first, near, other = draw_one(params)[0], draw_one(params, z_nm=4.0)[0], draw_one(params, seed=1)[0]
    inner = distance_transform_edt(first.compartments != Compartment.CYTOPLASM) > 15

    def alike(a: Canvas, b: Canvas) -> float:
        return float(np.corrcoef(a.density[inner], b.density[inner])[0, 1])

    assert alike(first, near) > 0.6
    assert alike(first, other) < 0.4


def test_what_a_mitochondrion_looks_like_does_not_depend_on_the_others():
    one = rod(400.0, 120.0)
    far = Tubes(one.nodes + np.array([0, 330, 0], np.float32), one.radii, one.side)
    both = Tubes(*(np.concatenate([getattr(one, name), getattr(far, name)]) for name in ("nodes", "radii", "side")))
    alone, distance = draw_one(numbers(), one)
    together, _ = draw_one(numbers(), both)
    np.testing.assert_array_equal(alone.density[distance < 0], together.density[distance < 0])


def test_swollen_ones_are_paler_and_emptier_and_degenerate_ones_darker():
    def inside(**share: float) -> tuple[float, float]:
        canvases = [draw_one(numbers(**share), seed=seed) for seed in range(4)]
        core = [canvas.density[distance < -40].mean() for canvas, distance in canvases]
        cristae = [np.mean(canvas.compartments[distance < -40] == Compartment.CRISTA) for canvas, distance in canvases]
        return float(np.mean(core)), float(np.mean(cristae))

    sound, swollen = inside(), inside(mitochondria__swollen_share=1.0)
    degenerate = inside(mitochondria__degenerate_share=1.0)
    assert swollen[0] < sound[0] - 0.1
    assert swollen[1] < 0.5 * sound[1]
    assert degenerate[1] < sound[1]
    assert degenerate[0] > swollen[0]


def test_longitudinal_cristae_lie_along_the_axis():
    def lying(share: float) -> float:
        """Mean sine of the angle to the rows, of a rod along them: 1 along the axis, 0 across."""
        params = numbers(cristae__longitudinal_share=share, cristae__bending_nm=0.0)
        regions = [region for seed in range(4) for region in cristae_of(draw_one(params, seed=seed)[0])]
        return float(np.mean([abs(np.sin(region.orientation)) for region in regions]))

    assert lying(0.0) < 0.2
    assert lying(1.0) > 0.7


@pytest.mark.parametrize("end", ["low", "high"])
def test_every_knob_can_be_drawn_at_both_ends_of_its_range(end: str):
    grid = Grid((64, 64), 8.0, 20.0, 20.0)
    for name, knob in KNOBS.items():
        if name.startswith(("mitochondria.", "cristae.")):
            canvas, _ = draw_one(medians() | {name: float(getattr(knob, end))}, grid=grid)
            assert np.all(np.isfinite(canvas.density)), name
            place(20, **{name.replace(".", "__"): float(getattr(knob, end))})


def test_cells_fit_loosely_around_mitochondria():
    def widths(spread: float) -> float:
        """Scatter over pixels just outside mitochondria of the distance to the plasma membrane."""
        found = []
        for index in range(4):
            overrides = [
                f"mitochondria.clearance_spread={spread}",
                "mitochondria.clearance_nm=40",
                "cells.calibre_nm=90",
            ]
            params = draw(load_recipe(overrides=overrides), 3, index)
            grid = grid_of(params, (1, 128, 128))
            cut_here = cut(build(params, streams_of(3, index), grid), params, grid, 0.0, streams_of(3, index), True)
            inside = cut_here.label > 0
            if inside.any():
                to_membrane = distance_transform_edt(cut_here.compartments != Compartment.PLASMA_MEMBRANE)
                found += list(to_membrane[inside ^ binary_dilation(inside)])
        return float(np.std(found))

    assert widths(1.2) > widths(0.0)
