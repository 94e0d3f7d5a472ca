"""Labels of any recipe are right: instances, their connection in three dimensions, sizes, volumes, outlines."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layers import mitochondria_of
from scipy.ndimage import find_objects
from scipy.ndimage import label as components
from scipy.spatial.distance import cdist

from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import streams_of
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.mitochondria.shapes import NODES
from mitogen.recipe.recipe import draw, load_recipe
from mitogen.rendering.image import render
from mitogen.scene.scene import Scene, build
from mitogen.scene.section import cut
from mitogen.tissue.compartments import Compartment

ENVELOPE = (
    Compartment.OUTER_MEMBRANE,
    Compartment.INTERMEMBRANE_SPACE,
    Compartment.INNER_MEMBRANE,
    Compartment.MATRIX,
    Compartment.CRISTA,
)
# What a test of labels needs not draw.
PLAIN = [
    "somata.density_per_um3=0",
    "boutons.share=0",
    "filaments.share=0",
    "microtubules.occupancy=0",
    "reticulum.tubule_share=0",
    "reticulum.cisternae_share=0",
    "golgi.density_per_um3=0",
    "imaging.clahe=0",
]
# Knobs that shape mitochondria, over what is allowed as far as bodies fit into a small volume.
SHAPES = {
    "mitochondria.volume_fraction": (0.1, 0.25),
    "mitochondria.radius_nm": (50, 130),
    "mitochondria.radius_spread": (0, 0.5),
    "mitochondria.aspect": (1, 5),
    "mitochondria.bend_rad": (0, 3),
    "mitochondria.unevenness": (0, 0.6),
    "mitochondria.roughness": (0, 0.3),
    "mitochondria.gap_nm": (-50, 100),
    "mitochondria.branching": (0, 1),
    "mitochondria.constricted_share": (0, 1),
    "mitochondria.neck": (0.1, 1),
    "mitochondria.swollen_share": (0, 0.5),
    "mitochondria.membrane_nm": (3, 20),
}
recipes = st.fixed_dictionaries(
    {
        name: st.one_of(st.sampled_from([float(low), float(high)]), st.floats(low, high))
        for name, (low, high) in SHAPES.items()
    }
)
few = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def recipe_of(knobs: dict[str, float], *more: str):
    return load_recipe(overrides=[*PLAIN, *(f"{name}={value}" for name, value in knobs.items()), *more])


@cache
def surroundings() -> tuple[dict[str, float], Scene]:
    params = draw(recipe_of({"mitochondria.roughness": 0}), 0, 0)
    return params, build(params, streams_of(0, 0), Grid((96, 96), 8.0, 1.0, 1.0))


def lone_sphere(radius_nm: float) -> tuple[dict[str, float], Scene]:
    """Tissue in which the only mitochondrion is a sphere around the origin, of instance number 5."""
    params, scene = surroundings()
    sphere = Tubes(
        np.zeros((1, NODES, 3), np.float32),
        np.full((1, NODES), radius_nm, np.float32),
        np.array([[0, 1, 0]], np.float32),
    )
    return params, replace(scene, inclusions=mitochondria_of(sphere, [5], np.full((1, 8), 0.5)))


@few
@given(knobs=recipes, index=st.integers(0, 1000))
def test_instances_of_any_recipe_are_one_body_each_and_the_mask_is_where_they_are(knobs, index):
    recipe = recipe_of(knobs, *(f"section.{edge}_nm=16" for edge in ("pixel", "spacing", "thickness")))
    sample = render(recipe, 1, index, (52, 52, 52), compartments=True)
    # Compartments of mitochondria are where mitochondria are.
    within = np.isin(sample.compartment, ENVELOPE)
    np.testing.assert_array_equal(within, sample.mask == 1)
    np.testing.assert_array_equal(within, sample.label > 0)
    for number, box in enumerate(find_objects(sample.label), 1):
        if box and all(side.start > 0 and side.stop < size for side, size in zip(box, sample.label.shape, strict=True)):
            pieces, count = components(sample.label[box] == number, np.ones((3, 3, 3)))
            assert count == 1, (number, np.bincount(pieces.ravel())[1:])


@few
@given(knobs=recipes, index=st.integers(0, 1000), jitter=st.sampled_from([0, 5]), deep=st.integers(2, 6))
def test_a_section_of_any_recipe_is_the_first_of_its_volume(knobs, index, jitter, deep):
    recipe = recipe_of(knobs, f"stack.jitter_nm={jitter}", "section.spacing_nm=20")
    section, volume = (render(recipe, 2, index, (depth, 80, 80), compartments=True) for depth in (1, deep))
    np.testing.assert_array_equal(section.label[0], volume.label[0])
    np.testing.assert_array_equal(section.compartment[0], volume.compartment[0])
    np.testing.assert_array_equal(section.raw[0], volume.raw[0])


@few
@given(knobs=recipes, index=st.integers(0, 1000))
def test_mitochondria_never_overlap_by_more_than_asked_and_are_as_large_as_drawn(knobs, index):
    params = draw(recipe_of(knobs), 3, index)
    grid = Grid((96, 96), 12.0, 12.0, 12.0, 24)
    scene = build(params, streams_of(3, index), grid)
    chosen = scene.inclusions.instance > 0
    tubes, instance = scene.inclusions.tubes.take(np.flatnonzero(chosen)), scene.inclusions.instance[chosen]
    # Radii are within two standard deviations, what necks and swellings leave of them, and the swelling of the swollen.
    widest = np.exp(2 * knobs["mitochondria.radius_spread"]) * (1 + knobs["mitochondria.unevenness"])
    widest *= 1.4 if knobs["mitochondria.swollen_share"] > 0 else 1.0
    assert tubes.radii.max(initial=0) <= 1.001 * knobs["mitochondria.radius_nm"] * widest
    assert tubes.radii.min(initial=1e9) > 0
    length = np.linalg.norm(np.diff(tubes.nodes, axis=1), axis=2).sum(axis=1)
    assert length.max(initial=0) <= 1.001 * 5000
    # No two that are drawn share a place: their middle lines keep the sum of their radii and the gap.
    nodes, radii, owner = tubes.nodes.reshape(-1, 3), tubes.radii.ravel(), np.repeat(instance, NODES)
    for number in np.unique(instance):
        mine, others = owner == number, owner > number
        need = radii[mine, None] + radii[others] + knobs["mitochondria.gap_nm"]
        assert np.all(cdist(nodes[mine], nodes[others]) > need - 1), number


@pytest.mark.parametrize("pixel_nm", [4.0, 8.0])
@settings(max_examples=12, deadline=None, derandomize=True)
@given(radius=st.floats(110, 150), length=st.floats(0, 200), tilt=st.floats(0, 1.5), shift=st.floats(0, 1))
def test_volume_of_a_spherocylinder_within_one_per_cent(pixel_nm, radius, length, tilt, shift):
    direction = np.array([np.sin(tilt), 0.6 * np.cos(tilt), 0.8 * np.cos(tilt)])
    line = np.linspace(-0.5, 0.5, NODES)[:, None] * length * direction + shift * pixel_nm * np.array([1.0, 0.7, 0.3])
    tubes = Tubes(
        line[None].astype(np.float32), np.full((1, NODES), radius, np.float32), np.array([[0, 0.8, -0.6]], np.float32)
    )
    size = int(560 / pixel_nm)
    grid = Grid((size, size), pixel_nm, pixel_nm, pixel_nm)
    flat, none = np.zeros(grid.shape, np.float32), np.zeros(1, np.float32)
    heights = np.arange(-size // 2, size // 2) * pixel_nm
    voxels = sum(int((cut_tubes(tubes, grid, z, 20.0, flat, none).distance < 0).sum()) for z in heights)
    expected = np.pi * radius**2 * length + 4 / 3 * np.pi * radius**3
    assert voxels * pixel_nm**3 == pytest.approx(expected, rel=0.01)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    radius=st.floats(60, 220), height=st.floats(-0.9, 0.9), membrane=st.floats(3, 20),
    pixel_nm=st.sampled_from([3.0, 5.0, 8.0]),
)  # fmt: skip
def test_the_mask_of_a_sphere_ends_at_the_outer_face_of_its_outer_membrane(radius, height, membrane, pixel_nm):
    params, scene = lone_sphere(radius)
    params = params | {"section.thickness_nm": 1.0, "mitochondria.membrane_nm": membrane}
    grid = Grid((96, 96), pixel_nm, 1.0, 1.0)
    z_nm = height * radius
    section = cut(scene, params, grid, z_nm, streams_of(0, 0), compartments=True)
    y, x = np.meshgrid(grid.y_nm, grid.x_nm, indexing="ij")
    depth = radius - np.sqrt(y**2 + x**2 + z_nm**2)
    # A hundredth of a nanometre is what single precision leaves open.
    sure = np.abs(depth) > 0.01
    np.testing.assert_array_equal((section.label == 5)[sure], (depth > 0)[sure])
    shell = (depth > 0) & (depth < membrane)
    assert np.all(section.compartments[shell & sure] == Compartment.OUTER_MEMBRANE)
    assert not np.any(section.compartments[depth < -0.01] == Compartment.OUTER_MEMBRANE)
