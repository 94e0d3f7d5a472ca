"""Whole images: labels, determinism, agreement of sections and volumes."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion
from scipy.ndimage import label as components

from mitogen.geometry.point_process import streams_of
from mitogen.recipe.recipe import draw, load_recipe
from mitogen.recipe.tissue_knobs import KNOBS
from mitogen.rendering.image import grid_of, render
from mitogen.scene.scene import build
from mitogen.tissue.compartments import Compartment

SMALL = (1, 160, 160)
MITOCHONDRIAL = (
    Compartment.OUTER_MEMBRANE,
    Compartment.INTERMEMBRANE_SPACE,
    Compartment.INNER_MEMBRANE,
    Compartment.MATRIX,
    Compartment.CRISTA,
)
CROWDED = [
    "mitochondria.volume_fraction=0.2",
    "mitochondria.radius_nm=100",
    "mitochondria.aspect=1.6",
    "mitochondria.gap_nm=0",
    "somata.density_per_um3=0",
    "myelin.density_per_um3=0",
    "neurites.density_per_um3=0",
]


def images(overrides: tuple[str, ...], count: int = 6, seed: int = 2):
    recipe = load_recipe(overrides=overrides)
    return [render(recipe, seed, index, SMALL) for index in range(count)]


def test_an_image_is_the_same_whenever_it_is_rendered():
    recipe = load_recipe()
    first = render(recipe, 7, 3, SMALL)
    render(recipe, 7, 4, SMALL)
    again = render(recipe, 7, 3, SMALL)
    np.testing.assert_array_equal(first.raw, again.raw)
    np.testing.assert_array_equal(first.label, again.label)
    assert dict(first.params) == dict(again.params)
    assert not np.array_equal(first.raw, render(recipe, 8, 3, SMALL).raw)


@pytest.mark.parametrize("preset", ["mito", "mito-shifted"])
def test_mask_is_where_instances_are(preset: str):
    recipe = load_recipe(preset=preset)
    shares = []
    for index in range(12):
        sample = render(recipe, 0, index, SMALL, compartments=True)
        # An instance, and only an instance, is what is drawn as a mitochondrion.
        np.testing.assert_array_equal(np.isin(sample.compartment, MITOCHONDRIAL), sample.label > 0)
        np.testing.assert_array_equal(np.isin(sample.compartment, MITOCHONDRIAL), sample.mask == 1)
        assert sample.raw.std() > 2
        shares.append(float(np.mean(sample.mask)))
    assert 0.005 < np.mean(shares) < 0.25


def test_a_section_is_the_matching_slice_of_the_volume():
    recipe = load_recipe(overrides=CROWDED)
    volume = render(recipe, 1, 0, (3, 128, 128))
    section = render(recipe, 1, 0, (1, 128, 128))
    assert section.label.any()
    np.testing.assert_array_equal(volume.label[0], section.label[0])


def test_instances_are_connected_through_a_volume():
    recipe = load_recipe(overrides=[*CROWDED, "section.spacing_nm=12"])
    volume = render(recipe, 5, 1, (48, 128, 128))
    whole = 0
    for instance in np.unique(volume.label)[1:]:
        body = volume.label == instance
        inner = body[1:-1, 1:-1, 1:-1]
        if inner.sum() == body.sum():
            whole += 1
            assert components(body, np.ones((3, 3, 3)))[1] == 1
    assert whole >= 1


@pytest.mark.slow
@pytest.mark.parametrize("end", ["low", "high"])
def test_every_knob_renders_at_both_ends_of_its_range(end: str):
    preset = load_recipe()
    for name, knob in KNOBS.items():
        recipe = preset.override({name: getattr(knob, end)})
        assert render(recipe, 0, 0, (1, 32, 32)).params[name] == getattr(knob, end)


@pytest.mark.parametrize("calibre", [60, 2000])
def test_cells_of_any_allowed_size_fill_the_section(calibre: int):
    for sample in images((f"cells.calibre_nm={calibre}", "cells.elongation=8"), 4):
        assert sample.raw.std() > 2


def test_mitochondria_are_darker_than_what_is_around_them():
    inside, around = [], []
    for sample in images(
        ("mitochondria.volume_fraction=0.15", "mitochondria.swollen_share=0", "cells.dark_share=0"), 16
    ):
        mask = sample.mask[0] == 1
        near = binary_dilation(mask, iterations=8) & ~binary_dilation(mask, iterations=4)
        core = binary_erosion(mask, iterations=2)
        if core.sum() > 100:
            inside.append(sample.raw[0][core].mean())
            around.append(sample.raw[0][near].mean())
    assert np.mean(np.array(inside) < np.array(around)) >= 0.8
    assert np.mean(inside) < np.mean(around) - 8


def test_placed_mitochondria_lie_within_one_cell_of_the_scene():
    recipe = load_recipe(overrides=["neurites.density_per_um3=1.5", "mitochondria.volume_fraction=0.15"])
    params = draw(recipe, 0, 0)
    scene = build(params, streams_of(0, 0), grid_of(params, (1, 256, 256)))
    found = scene.inclusions
    assert len(found.host) == len(found.tubes) == len(found.instance)
    assert found.host.min() >= 0
    assert found.host.max() < len(scene.layout.cells.types)
    numbers = found.instance[found.species < 0]
    assert len(np.unique(numbers)) == len(numbers)
    assert np.all(found.instance[found.species >= 0] == 0)
