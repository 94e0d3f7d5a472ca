"""Mitochondria one at a time: shapes, the envelope, kinds of cristae, states, and what each knob does."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, distance_transform_edt
from skimage.measure import label, regionprops

from mitogen.canvas import Canvas
from mitogen.fields import random_waves
from mitogen.grid import Grid
from mitogen.knobs import KNOBS
from mitogen.organelles.midlines import local_coordinates, midlines
from mitogen.organelles.mitochondria import Mitochondria, draw_mitochondria
from mitogen.organelles.mitochondrial_shapes import (
    NODES,
    NUMBERS,
    extent_of_mitochondrion,
    shape_mitochondrion,
    sizes_of,
)
from mitogen.parts import Part
from mitogen.recipe import draw, load_recipe
from mitogen.render import grid_of
from mitogen.scene import build
from mitogen.section import cut
from mitogen.shapes import Tubes, bend, cut_tubes
from mitogen.world import streams_of

GRID = Grid((224, 224), pixel_nm=4.0, thickness_nm=4.0, spacing_nm=4.0)
TEXTURE = random_waves(np.random.default_rng(0), 150.0)
SOUND = {
    "cristae.tubular_share": 0.0,
    "cristae.vesicular_share": 0.0,
    "cristae.concentric_share": 0.0,
    "cristae.mixed_share": 0.0,
    "cristae.domain_turn_rad": 0.0,
    "cristae.longitudinal_share": 0.0,
    "cristae.contrast": 1.0,
    "mitochondria.swollen_share": 0.0,
    "mitochondria.degenerate_share": 0.0,
    "mitochondria.granules_per_um3": 0.0,
    "mitochondria.membrane_gaps": 0.0,
    "mitochondria.mottle": 0.0,
    "mitochondria.matrix_spread": 0.0,
}


@cache
def medians() -> dict[str, float]:
    return {name: float(knob.fit(knob.default).ppf(0.5)) for name, knob in KNOBS.items()}


def numbers(**changed: float) -> dict[str, float]:
    """The image's numbers: all knobs at their medians, a sound lamellar mitochondrion, and what is changed."""
    named = {name.replace("__", "."): value for name, value in changed.items()}
    # As drawn numbers are: loops are compiled anew for whole ones.
    return {name: float(value) for name, value in (medians() | SOUND | named).items()}


def rod(length: float = 500.0, radius: float = 180.0, axis: tuple[float, float, float] = (0, 0, 1)) -> Tubes:
    direction = np.array([axis], float) / np.linalg.norm(axis)
    turn = np.array([[0.3, 1.0, 0.0]])
    line = bend(np.zeros((1, 3)), direction, turn, np.array([length]), np.zeros(1), NODES)
    side = np.cross(direction, turn)
    side /= np.linalg.norm(side)
    return Tubes(line.astype(np.float32), np.full((1, NODES), radius, np.float32), side.astype(np.float32))


def draw_one(
    drawn: dict[str, float], tubes: Tubes | None = None, seed: int = 0, z_nm: float = 0.0, grid: Grid = GRID
) -> tuple[Canvas, np.ndarray]:
    """Draw the mitochondria `tubes`, or a rod along x, on an empty canvas; the second result is the distance map."""
    shapes = tubes or rod()
    shape = grid.shape
    canvas = Canvas(
        grid, z_nm, np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.full(shape, 1e4, np.float32),
        np.zeros(shape, np.float32), np.ones(shape, np.bool_), np.full(shape, 1e4, np.float32),
        np.full(shape, drawn["cells.cytoplasm"], np.float32), np.zeros(shape, np.float32),
        np.full(shape, Part.CYTOPLASM, np.uint8),
    )  # fmt: skip
    flat = np.zeros(shape, np.float32)
    tubes_here = cut_tubes(shapes, grid, z_nm, 120.0, flat, np.zeros(len(shapes), np.float32))
    looks = np.random.default_rng(seed).random((len(shapes), 8))
    instance = np.arange(1, len(shapes) + 1, dtype=np.int32)
    draw_mitochondria(canvas, tubes_here, Mitochondria(shapes, instance, looks), drawn, TEXTURE, key=7)
    return canvas, tubes_here.distance


def cristae_of(canvas: Canvas) -> list:
    return [region for region in regionprops(label(canvas.parts == Part.CRISTA)) if region.area >= 12]


# --- shapes


@settings(max_examples=20, deadline=None)
@given(length=st.floats(0, 500), radius=st.floats(60, 160), angle=st.floats(0, 3.1), pixel=st.sampled_from([4.0, 8.0]))
def test_area_of_a_straight_tube_within_one_per_cent(length, radius, angle, pixel):
    grid = Grid((int(900 / pixel), int(900 / pixel)), pixel, 1.0, 1.0)
    flat = np.zeros(grid.shape, np.float32)
    tubes = rod(length, radius, (0.0, np.sin(angle), np.cos(angle)))
    areas = []
    # The mean over places within a pixel, or the counting of pixels would be tested.
    for shift in np.linspace(-0.5, 0.5, 4, endpoint=False) * pixel:
        moved = Tubes(tubes.nodes + np.array([0, shift, 2.3 * shift], np.float32), tubes.radii, tubes.side)
        distance = cut_tubes(moved, grid, 0.0, 120.0, flat, np.zeros(1, np.float32)).distance
        areas.append(np.count_nonzero(distance < 0) * pixel**2)
    assert np.mean(areas) == pytest.approx(2 * radius * length + np.pi * radius**2, rel=0.012)


@settings(max_examples=20, deadline=None)
@given(
    length=st.floats(0, 300), angle=st.floats(0, 3.1), membrane=st.floats(5, 12), pixel=st.sampled_from([3.0, 5.0, 8.0])
)  # fmt: skip
def test_stain_and_compartments_begin_at_the_outer_face(length, angle, membrane, pixel):
    grid = Grid((96, 96), pixel, 1.0, 1.0)
    drawn = numbers(mitochondria__membrane_nm=membrane, mitochondria__membrane_density=1.0, cells__cytoplasm=0.0)
    canvas, distance = draw_one(drawn, rod(length, 110.0, (0.0, np.sin(angle), np.cos(angle))), grid=grid)
    assert canvas.density[distance > 0.55 * pixel].max(initial=0) == 0
    within_half_a_pixel = (distance < -0.5 * pixel) & (distance > -0.5 * pixel - 1.5)
    assert canvas.density[within_half_a_pixel].min(initial=1) > 0.3
    np.testing.assert_array_equal(canvas.parts != Part.CYTOPLASM, distance <= 0)


def test_volume_of_a_straight_tube_within_one_per_cent():
    tubes = rod(300.0, 100.0, (1.0, 0.4, 0.2))
    grid = Grid((160, 160), 4.0, 4.0, 4.0)
    flat = np.zeros(grid.shape, np.float32)
    none = np.zeros(1, np.float32)
    counted = sum(
        np.count_nonzero(cut_tubes(tubes, grid, z, 50.0, flat, none).distance < 0) for z in np.arange(-260, 261, 4.0)
    )
    assert counted * 64 == pytest.approx(np.pi * 100**2 * 300 + 4 / 3 * np.pi * 100**3, rel=0.01)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000), bent=st.floats(-1.5, 1.5), where=st.floats(-0.45, 0.45), off=st.floats(0, 120),
    around=st.floats(0, 6.3),
)  # fmt: skip
def test_own_coordinates_are_continuous_and_measure_lengths(seed, bent, where, off, around):
    rng = np.random.default_rng(seed)
    direction, turn = rng.standard_normal((2, 1, 3))
    direction /= np.linalg.norm(direction)
    line = bend(np.zeros((1, 3)), direction, turn, np.array([900.0]), np.array([bent]), NODES)
    side = np.cross(direction, turn)
    side /= np.linalg.norm(side)
    lines = midlines(Tubes(line.astype(np.float32), np.full((1, NODES), 150, np.float32), side.astype(np.float32)))
    exact = bend(np.zeros((1, 3)), direction, turn, np.array([900.0]), np.array([bent]), 2001)[0]
    middle = exact[int(1000 + 2000 * where)]
    tangent = exact[int(1001 + 2000 * where)] - middle
    tangent /= np.linalg.norm(tangent)
    point = middle + off * (np.cos(around) * side[0] + np.sin(around) * np.cross(tangent, side[0]))
    (a, b, c), facing = local_coordinates(lines, 0, *point)
    assert a == pytest.approx(900 * (where + 0.5), abs=6)
    assert np.hypot(b, c) == pytest.approx(off, abs=6)
    assert np.linalg.norm(facing) == pytest.approx(1, abs=0.02) or abs(np.linalg.norm(facing)) <= 1.02
    step = rng.standard_normal(3)
    step /= np.linalg.norm(step)
    (a2, b2, c2), _ = local_coordinates(lines, 0, *(point + step))
    # The inside of a bend is compressed, its outside stretched: by a fifth here.
    assert np.linalg.norm([a2 - a, b2 - b, c2 - c]) == pytest.approx(1, abs=0.35)


def place(count: int = 400, seed: int = 0, **changed: float) -> tuple[Tubes, Tubes, np.ndarray]:
    """Mitochondria, their branches, and which of them each branch belongs to."""
    rng = np.random.default_rng(seed)
    sizes = sizes_of(numbers(**changed))
    u = rng.random((count, NUMBERS))
    centre = rng.uniform(-1e4, 1e4, (count, 3))
    nodes = np.zeros((count, 2, NODES, 3), np.float32)
    radii, side = np.zeros((count, 2, NODES), np.float32), np.zeros((count, 2, 3), np.float32)
    made = np.array([
        shape_mitochondrion(c, v, extent_of_mitochondrion(v, sizes), sizes, n, r, s)
        for c, v, n, r, s in zip(centre, u, nodes, radii, side, strict=True)
    ])  # fmt: skip
    stem = np.flatnonzero(made == 2)
    return Tubes(nodes[:, 0], radii[:, 0], side[:, 0]), Tubes(nodes[stem, 1], radii[stem, 1], side[stem, 1]), stem


def length_of(tubes: Tubes) -> np.ndarray:
    return np.linalg.norm(np.diff(tubes.nodes, axis=1), axis=2).sum(axis=1)


def test_sizes_reach_from_spheres_to_long_tubes():
    tubes, _, _ = place()
    radius = np.median(tubes.radii, axis=1)
    assert np.median(radius) == pytest.approx(numbers()["mitochondria.radius_nm"], rel=0.1)
    slimness = length_of(tubes) / (2 * radius)
    assert np.percentile(slimness, 5) < 0.5
    assert np.percentile(slimness, 95) > 5


def test_a_neck_narrows_only_those_that_are_constricted():
    usual, _, _ = place(mitochondria__constricted_share=0.0)
    some, _, _ = place(mitochondria__constricted_share=0.5, mitochondria__neck=0.4)
    narrower = np.any(some.radii < 0.99 * usual.radii, axis=1)
    slim = length_of(usual) > 3.2 * numbers()["mitochondria.radius_nm"] * 1.4
    assert 0.3 < np.mean(narrower[slim]) < 0.7
    ratio = (some.radii / usual.radii).min(axis=1)[narrower]
    assert 0.3 < ratio.min() < ratio.max() < 0.55


def test_branches_start_in_their_mitochondrion_and_stay_within_its_reach():
    tubes, branches, stems = place(mitochondria__branching=0.6)
    assert len(branches) > 20
    middle = tubes.nodes[:, NODES // 2].astype(float)
    reach = np.linalg.norm(tubes.nodes - middle[:, None], axis=2).max(axis=1) + tubes.radii.max(axis=1)
    for branch, stem in enumerate(stems):
        assert np.linalg.norm(tubes.nodes[stem] - branches.nodes[branch, 0], axis=1).min() < 1.0
        far = np.linalg.norm(branches.nodes[branch] - middle[stem], axis=1) + branches.radii[branch]
        assert far.max() < 1.2 * reach[stem]
        np.testing.assert_allclose(np.linalg.norm(branches.side[branch]), 1, atol=1e-3)
    assert len(place(mitochondria__branching=0.0)[1]) == 0


def test_none_reaches_further_than_is_said_of_its_size():
    tubes, branches, stems = place(mitochondria__branching=0.6, mitochondria__unevenness=0.4, mitochondria__bend_rad=0)
    rng = np.random.default_rng(0)
    sizes = sizes_of(numbers(mitochondria__unevenness=0.4, mitochondria__bend_rad=0))
    u = rng.random((400, NUMBERS))
    centre = rng.uniform(-1e4, 1e4, (400, 3))
    extent = np.array([extent_of_mitochondrion(v, sizes) for v in u])
    bound = extent[:, 0] / 2 + 1.4 * extent[:, 1]
    for chosen, owner in ((tubes, np.arange(400)), (branches, stems)):
        far = np.linalg.norm(chosen.nodes - centre[owner, None], axis=2) + chosen.radii
        assert np.all(far.max(axis=1) <= bound[owner] + 0.01)


def test_a_branch_is_open_to_its_stem():
    stem, branch = rod(500.0, 100.0), rod(300.0, 80.0, (0, 1, 0))
    branch = Tubes(branch.nodes + np.array([0, 150, 0], np.float32), branch.radii, branch.side)
    both = Tubes(*(np.concatenate([getattr(stem, name), getattr(branch, name)]) for name in ("nodes", "radii", "side")))
    grid = GRID
    flat = np.zeros(grid.shape, np.float32)
    tubes_here = cut_tubes(both, grid, 0.0, 120.0, flat, np.zeros(2, np.float32))
    drawn = numbers(cristae__share=0.0)
    shares = {}
    for name, instance in (("one", [1, 1]), ("two", [1, 2])):
        canvas, _ = draw_one(drawn, rod(0.0, 1.0))
        looks = np.tile(np.random.default_rng(0).random((1, 8)), (2, 1))
        draw_mitochondria(
            canvas, tubes_here, Mitochondria(both, np.array(instance, np.int32), looks), drawn, TEXTURE, key=7
        )
        crossing = (slice(105, 140), slice(100, 124))
        shares[name] = np.mean(canvas.parts[crossing] == Part.OUTER_MEMBRANE)
    assert shares["one"] == 0
    assert shares["two"] > 0.05


def test_branched_and_constricted_mitochondria_are_in_one_piece():
    """Each alone in a volume, as rough as it gets in the preset."""
    ripple = random_waves(np.random.default_rng(1), 380.0)
    tubes, branches, stems = place(
        60, mitochondria__branching=1.0, mitochondria__constricted_share=0.5, mitochondria__neck=0.2,
        mitochondria__radius_nm=90.0, mitochondria__aspect=5.0,
    )  # fmt: skip
    branched = stems[:4]
    constricted = np.flatnonzero(tubes.radii.min(axis=1) < 0.4 * np.median(tubes.radii, axis=1))[:2]
    assert len(branched) == 4
    assert len(constricted) == 2
    for chosen in (*branched, *constricted):
        branch = np.flatnonzero(stems == chosen)
        mine = Tubes(*(
            np.concatenate([getattr(tubes, part)[[chosen]], getattr(branches, part)[branch]])
            for part in ("nodes", "radii", "side")
        ))  # fmt: skip
        mine = Tubes(mine.nodes - mine.nodes[0, NODES // 2], mine.radii, mine.side)
        grid = Grid((100, 100), 20.0, 20.0, 20.0)
        rough = np.full(len(mine), 0.1 * 90.0, np.float32)
        solid = [
            cut_tubes(mine, grid, z, 60.0, ripple.on_section(z, grid.y_nm, grid.x_nm), rough).distance < 0
            for z in np.arange(-1000, 1001, 20.0)
        ]
        assert label(np.array(solid)).max() == 1


# --- the inside


def test_compartments_follow_one_another_from_the_outside_in():
    canvas, distance = draw_one(numbers(cristae__share=0.0, mitochondria__intermembrane_nm=9.0))
    depth = {part: -distance[canvas.parts == part].mean() for part in (
        Part.OUTER_MEMBRANE, Part.INTERMEMBRANE_SPACE, Part.INNER_MEMBRANE, Part.MATRIX)}  # fmt: skip
    assert list(depth.values()) == sorted(depth.values())
    assert (
        canvas.density[canvas.parts == Part.INNER_MEMBRANE].mean() > canvas.density[canvas.parts == Part.MATRIX].mean()
    )


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 0, 0)])
def test_kinds_of_cristae_look_different(axis):
    ratio = {}
    for kind in ("lamellar", "tubular", "vesicular", "concentric"):
        share = {} if kind == "lamellar" else {f"cristae__{kind}_share": 1.0}
        regions = []
        for seed in range(4):
            drawn = numbers(cristae__bending_nm=0.0, cristae__lumen_nm=12.0, cristae__spacing_nm=50.0, **share)
            canvas, _ = draw_one(drawn, rod(axis=axis), seed)
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
        depths = np.histogram(-distance[ring & (canvas.parts == Part.CRISTA)], 28, (60, 200))[0]
        return float(np.std(depths / np.histogram(-distance[ring], 28, (60, 200))[0]))

    assert spread(cristae__concentric_share=1.0) > 2 * spread()


def test_cristae_agree_from_section_to_section_and_differ_between_mitochondria():
    drawn = numbers(cristae__contrast=1.5)
    first, near, other = draw_one(drawn)[0], draw_one(drawn, z_nm=4.0)[0], draw_one(drawn, seed=1)[0]
    inner = distance_transform_edt(first.parts != Part.CYTOPLASM) > 15

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
        cristae = [np.mean(canvas.parts[distance < -40] == Part.CRISTA) for canvas, distance in canvases]
        return float(np.mean(core)), float(np.mean(cristae))

    sound, swollen = inside(), inside(mitochondria__swollen_share=1.0)
    degenerate = inside(mitochondria__degenerate_share=1.0)
    assert swollen[0] < sound[0] - 0.1
    assert swollen[1] < 0.5 * sound[1]
    assert degenerate[1] < sound[1]
    assert degenerate[0] > swollen[0]


STATISTICS = {
    "matrix": lambda c, d: float(np.median(c.density[(c.parts == Part.MATRIX)])),
    "dark": lambda c, d: float(np.mean(c.density[d < -45] > 0.9)),
    "rim": lambda c, d: float(np.mean(c.density[(d < -1) & (d > -6)])),
    "membrane": lambda c, d: float(np.sum(np.isin(c.parts, (Part.OUTER_MEMBRANE, Part.INNER_MEMBRANE)))),
    "space": lambda c, d: float(np.sum(c.parts == Part.INTERMEMBRANE_SPACE)),
    "space_stain": lambda c, d: float(np.mean(c.density[c.parts == Part.INTERMEMBRANE_SPACE])),
    "uneven": lambda c, d: float(np.std(c.density[(c.parts == Part.MATRIX) & (d < -45)])),
    "cristae": lambda c, d: float(np.mean(c.parts[d < -45] == Part.CRISTA)),
    "rows": lambda c, d: float(len(cristae_of(c))),
    "contrast": lambda c, d: float(np.std(c.density[d < -45])),
    "light": lambda c, d: -float(np.percentile(c.density[d < -45], 3)),
    "shell_cristae": lambda c, d: float(np.mean(c.density[(d < -24) & (d > -34)])),
    "turned": lambda c, d: float(np.std([r.orientation for r in cristae_of(c) if r.eccentricity > 0.9])),
    "widths": lambda c, d: float(np.std(np.log([r.area / r.axis_major_length for r in cristae_of(c)]))),
    "lying": lambda c, d: float(np.mean([abs(np.sin(r.orientation)) for r in cristae_of(c)])),
    "straight": lambda c, d: float(np.mean([r.solidity for r in cristae_of(c)])),
}


@pytest.mark.parametrize(
    ("knob", "low", "high", "grows"),
    [
        ("mitochondria.matrix_darkness", 0.1, 0.6, "matrix"),
        ("mitochondria.membrane_density", 0.4, 1.2, "rim"),
        ("mitochondria.membrane_nm", 5, 14, "membrane"),
        ("mitochondria.membrane_gaps", 0.8, 0.0, "rim"),
        ("mitochondria.intermembrane_nm", 3, 25, "space"),
        ("mitochondria.intermembrane_darkness", 0.0, 0.5, "space_stain"),
        ("mitochondria.mottle", 0.0, 0.2, "uneven"),
        ("mitochondria.granules_per_um3", 0, 500, "dark"),
        ("mitochondria.granule_radius_nm", 8, 25, "dark"),
        ("mitochondria.granule_density", 0.6, 1.4, "dark"),
        ("cristae.spacing_nm", 110, 35, "rows"),
        ("cristae.lumen_nm", 4, 30, "cristae"),
        ("cristae.lumen_spread", 0.0, 1.0, "widths"),
        ("cristae.lumen_lightness", 0.0, 0.4, "light"),
        ("cristae.membrane_nm", 4, 10, "cristae"),
        ("cristae.membrane_darkness", 0.05, 0.5, "contrast"),
        ("cristae.contrast", 0.2, 1.6, "contrast"),
        ("cristae.share", 0.2, 1.0, "cristae"),
        ("cristae.extent_nm", 2000, 150, "rows"),
        ("cristae.taper_nm", 150, 5, "cristae"),
        ("cristae.junction_share", 0.0, 1.0, "shell_cristae"),
        ("cristae.tip_gap_nm", 60, 0, "cristae"),
        ("cristae.bending_nm", 40, 0, "straight"),
        ("cristae.wave_nm", 220, 2000, "straight"),
        ("cristae.longitudinal_share", 0.0, 1.0, "lying"),
        ("cristae.domain_turn_rad", 0.0, 1.0, "turned"),
        ("cristae.domain_nm", 5000, 150, "turned"),
    ],
)  # fmt: skip
def test_a_knob_moves_what_it_says(knob: str, low: float, high: float, grows: str):
    """Knobs that cannot show at their medians alone get company."""
    company = {
        "mitochondria.granule_radius_nm": {"mitochondria.granules_per_um3": 400.0},
        "mitochondria.granule_density": {"mitochondria.granules_per_um3": 400.0},
        "cristae.domain_nm": {"cristae.domain_turn_rad": 1.0},
        "cristae.domain_turn_rad": {"cristae.domain_nm": 200.0},
        "cristae.junction_share": {"cristae.tip_gap_nm": 20.0},
        "cristae.tip_gap_nm": {"cristae.junction_share": 0.0},
        "cristae.extent_nm": {"cristae.share": 0.7},
        "cristae.lumen_spread": {"cristae.spacing_nm": 70.0},
        "cristae.wave_nm": {"cristae.bending_nm": 60.0},
    }.get(knob, {})
    straight = {"cristae.bending_nm": 0.0} if grows in ("turned", "lying", "rows", "widths") else {}
    found = []
    for value in (low, high):
        drawn = {
            name: float(number) for name, number in (medians() | SOUND | straight | company | {knob: value}).items()
        }
        found.append(np.mean([STATISTICS[grows](*draw_one(drawn, seed=seed)) for seed in range(4)]))
    assert found[1] > found[0]


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
            drawn = draw(load_recipe(overrides=overrides), 3, index)
            grid = grid_of(drawn, (1, 128, 128))
            cut_here = cut(build(drawn, streams_of(3, index), grid), drawn, grid, 0.0, streams_of(3, index), True)
            inside = cut_here.label > 0
            if inside.any():
                to_membrane = distance_transform_edt(cut_here.parts != Part.PLASMA_MEMBRANE)
                found += list(to_membrane[inside ^ binary_dilation(inside)])
        return float(np.std(found))

    assert widths(1.2) > widths(0.0)
