"""What mitochondria are mistaken for: it is in the preset, sections agree with volumes, widths are in nm."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, distance_transform_edt

from mitogen.geometry.grid import Grid
from mitogen.geometry.level_sets import Level, thread, wavelength_of_threads
from mitogen.geometry.point_process import streams_of
from mitogen.geometry.random_fields import Waves, random_waves
from mitogen.recipe.recipe import draw, load_recipe
from mitogen.rendering.image import grid_of, render
from mitogen.tissue.compartments import Compartment
from mitogen.tissue.crowd import cut_crowd, place_crowd

MITOCHONDRIAL = (
    Compartment.OUTER_MEMBRANE, Compartment.INTERMEMBRANE_SPACE, Compartment.INNER_MEMBRANE, Compartment.MATRIX,
    Compartment.CRISTA,
)  # fmt: skip
PLAIN = (
    "imaging.noise=2", "imaging.contrast=130", "imaging.white=200", "imaging.gamma=1", "imaging.blur_px=0.5",
    "section.thickness_nm=12", "cells.calibre_nm=400", "mitochondria.volume_fraction=0.02", "cells.grain=0.02",
    "cells.dark_share=0", "boutons.share=0.3", "glia.share=0.3", "somata.density_per_um3=0",
    "myelin.density_per_um3=0", "cells.membrane_density=0.9", "cells.cytoplasm=0.15",
)  # fmt: skip
SHEETS = ("reticulum.cisternae_share=0.9", "reticulum.tubule_share=0")
TUBULES = ("reticulum.cisternae_share=0", "reticulum.tubule_share=1", "reticulum.tubule_spacing_nm=250")
GOLGI = ("golgi.density_per_um3=5",)
T_BARS = ("t_bars.density_per_um2=6",)
LAMELLAR = (
    "section.pixel_nm=14", "cells.calibre_nm=700", "multilamellar.density_per_um3=5", "lysosomes.density_per_um3=0",
)  # fmt: skip


def test_lamellae_of_a_multilamellar_body_show_where_pixels_resolve_them():
    def stripes(period: int) -> float:
        fixed = (*LAMELLAR, "multilamellar.radius_nm=200", "lipofuscin.density_per_um3=0")
        recipe = load_recipe(overrides=[*PLAIN, *fixed, f"multilamellar.period_nm={period}"])
        samples = [render(recipe, 4, index, (1, 128, 128), compartments=True) for index in range(3)]
        return float(np.concatenate([s.raw[s.compartment == Compartment.LYSOSOME] for s in samples]).std())

    assert stripes(90) > 1.3 * stripes(7)


def test_every_look_alike_is_somewhere_in_the_preset():
    recipe = load_recipe(overrides=["section.pixel_nm=16"])
    seen = [np.unique(render(recipe, 0, index, (1, 128, 128), compartments=True).compartment) for index in range(60)]
    counts = {compartment: sum(compartment in found for found in seen) for compartment in Compartment}
    often = (
        Compartment.VESICLE,
        Compartment.RETICULUM,
        Compartment.FILAMENT,
        Compartment.RIBOSOME,
        Compartment.SYNAPSE,
        Compartment.GLYCOGEN,
    )
    assert all(counts[compartment] >= 18 for compartment in often), [counts[compartment] for compartment in often]
    rare = (
        Compartment.DENSE_CORE_VESICLE, Compartment.GOLGI, Compartment.LYSOSOME, Compartment.MULTIVESICULAR_BODY,
        Compartment.ENDOSOME, Compartment.MYELIN,
        Compartment.NUCLEUS,
    )  # fmt: skip
    assert all(1 <= counts[compartment] <= 45 for compartment in rare), [counts[compartment] for compartment in rare]


def test_nothing_is_drawn_over_mitochondria():
    crowded = [
        "mitochondria.volume_fraction=0.2", "golgi.density_per_um3=8", "reticulum.cisternae_share=0.9",
        "reticulum.tubule_share=1", "t_bars.density_per_um2=10", "synapses.share=0.9", "boutons.share=0.5",
        "ribosomes.occupancy=1", "microtubules.occupancy=1", "glycogen.occupancy=1", "glia.share=0.3",
        "cells.loose_vesicles=1", "dense_core.occupancy=1",
    ]  # fmt: skip
    recipe = load_recipe(overrides=crowded)
    covered = 0
    for index in range(4):
        sample = render(recipe, 6, index, (1, 160, 160), compartments=True)
        inner = binary_erosion(sample.label[0] > 0, iterations=2)
        covered += np.count_nonzero(inner)
        assert np.isin(sample.compartment[0][inner], MITOCHONDRIAL).all()
    assert covered > 1000


@pytest.mark.parametrize("index", range(4))
def test_compartments_of_a_section_are_those_of_the_volume(index: int):
    overrides = [*PLAIN, *GOLGI, *T_BARS, "section.spacing_nm=8", "section.pixel_nm=8", "lipofuscin.density_per_um3=1"]
    recipe = load_recipe(overrides=[*overrides, "neurites.density_per_um3=1", "golgi.radius_nm=400"])
    volume = render(recipe, 2, index, (40, 96, 96), compartments=True).compartment
    section = render(recipe, 2, index, (1, 96, 96), compartments=True).compartment
    np.testing.assert_array_equal(volume[0], section[0])
    # Neighbours show the same things a little further on.
    assert np.mean(volume[0] == volume[1]) > 0.8
    assert np.mean(volume[0] == volume[4]) < np.mean(volume[0] == volume[1])


@pytest.mark.parametrize(
    ("compartment", "widest_nm", "overrides"),
    [
        # Lumen, swollen by up to 35 %, and two membranes.
        (Compartment.RETICULUM, 30 * 1.35 + 14, (*SHEETS, "reticulum.lumen_nm=30")),
        (Compartment.RETICULUM, 50, (*TUBULES, "reticulum.tubule_radius_nm=25")),
        (Compartment.PLASMA_MEMBRANE, 32, ("cells.gap_nm=12", "cells.membrane_nm=10", "cells.tortuosity=0.5")),
    ],
)  # fmt: skip
def test_widths_are_true_in_three_dimensions(compartment: Compartment, widest_nm: float, overrides: tuple[str, ...]):
    recipe = load_recipe(overrides=[*PLAIN, *overrides, "section.spacing_nm=5", "section.pixel_nm=5"])
    volume = render(recipe, 3, 2, (40, 96, 96), compartments=True).compartment
    found = np.isin(
        volume,
        (compartment, Compartment.EXTRACELLULAR) if compartment == Compartment.PLASMA_MEMBRANE else (compartment,),
    )
    assert found.mean() > 0.01
    # The largest ball that fits in, wherever the volume shows all of it.
    radius = distance_transform_edt(np.pad(found, 1), sampling=5.0)[9:-9, 9:-9, 9:-9]
    assert np.quantile(radius[radius > 0], 0.99) < widest_nm / 2 + 8


def test_cells_end_at_membranes_only():
    recipe = load_recipe(overrides=["cells.calibre_spread=0.75", "cells.elongation=4", "section.pixel_nm=16"])
    for index in range(8):
        params = draw(recipe, 21, index)
        grid = grid_of(params, (1, 128, 128))
        space = cut_crowd(place_crowd(params, streams_of(21, index), grid.box(0.0))[0], grid, 0.0)
        border = space.owner[1:] != space.owner[:-1]
        assert np.minimum(space.membrane[1:], space.membrane[:-1])[border].max() < 60


def test_distance_from_a_thread_is_that_from_its_nearest_point():
    # Two plane waves across each other vanish together on straight lines along z + x and a quarter of a wave apart.
    k = 2 * np.pi / 800
    first = Waves(np.array([[0.0, k, 0.0]]), np.array([-np.pi / 2]))
    second = Waves(np.array([[k, 0.0, k]]) / np.sqrt(2), np.array([-np.pi / 2]))
    y = np.arange(-60, 61, 4.0, dtype=np.float32)
    z_nm = 20.0
    grid = Grid((len(y), len(y)), 4.0, 4.0, 4.0)
    rises = [w.rise_on_section(z_nm, grid.y_nm[::4], grid.x_nm[::4]) for w in (first, second)]
    values = [w.on_section(z_nm, grid.y_nm, grid.x_nm) for w in (first, second)]
    for i, j in ((15, 10), (20, 15), (8, 22)):
        distance, _ = thread(*map(Level, values, rises), i, j, 4.0, 100.0)
        expected = np.hypot(grid.y_nm[i], (z_nm + grid.x_nm[j]) / np.sqrt(2))
        assert distance == pytest.approx(expected, abs=2.0)


def test_threads_pierce_a_surface_as_often_as_asked():
    y = np.arange(0, 4000, 20, dtype=np.float32)
    count = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        pair = [random_plane(rng, 3.0, y) for _ in range(2)]
        angle = np.arctan2(*pair)
        corners = [angle[:-1, :-1], angle[1:, :-1], angle[1:, 1:], angle[:-1, 1:]]
        pairs = zip(corners, corners[1:] + corners[:1], strict=True)
        turns = sum((b - a + np.pi) % (2 * np.pi) - np.pi for a, b in pairs)
        count += np.count_nonzero(np.abs(turns) > 3)
    assert count / (12 * 16) == pytest.approx(3.0, rel=0.15)


def random_plane(rng: np.random.Generator, density: float, y: np.ndarray) -> np.ndarray:
    return random_waves(rng, wavelength_of_threads(density)).on_section(0.0, y, y)
