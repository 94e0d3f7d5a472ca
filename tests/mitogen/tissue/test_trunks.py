"""Myelinated axons hold mitochondria that lie along them, and keep inside."""

import numpy as np
from mitochondria_views import medians
from scipy import ndimage

from mitogen.geometry.collisions import nest, touching
from mitogen.geometry.point_process import streams_of
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.image import render
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.compartments import Compartment
from mitogen.tissue.trunks import STRUNG_SHARE, longest_strung_nm, place_trunks, string_mitochondria

CORNER = np.array([2000.0, 4000.0, 4000.0])
PARAMS = medians() | {
    "myelin.density_per_um3": 0.05, "myelin.radius_nm": 500.0, "myelin.sheath_ratio": 0.3,
    "mitochondria.volume_fraction": 0.2, "mitochondria.radius_nm": 120.0, "mitochondria.aspect": 4.0,
}  # fmt: skip


def strung(**changed: float):
    params = PARAMS | {name.replace("__", "."): value for name, value in changed.items()}
    wide = (-CORNER - longest_strung_nm(params), CORNER + longest_strung_nm(params))
    trunks = place_trunks(params, streams_of(3, 0), wide)
    return trunks, string_mitochondria(trunks, params, (-CORNER, CORNER))


def test_they_lie_inside_their_axon_one_behind_the_other():
    trunks, found = strung()
    assert len(found.key) > 20
    lies = nest(found.tubes, trunks.tubes, trunks.sheath_nm, trunks.nucleus_nm)
    assert (trunks.cell_types[found.trunk] == CellType.MYELINATED).all()
    assert (lies[np.arange(len(found.trunk)), found.trunk] == 1).all(), "within the axoplasm, clear of the sheath"
    for number in range(len(found.key)):
        others = np.delete(np.arange(len(found.key)), number)
        assert not touching(found.tubes.take(np.array([number])), found.tubes.take(others), 0.0).any()
    run = np.linalg.norm(np.diff(found.tubes.nodes[:, [0, -1]], axis=1)[:, 0], axis=1)
    axis = trunks.tubes.nodes[found.trunk, -1] - trunks.tubes.nodes[found.trunk, 0]
    along = np.abs((found.tubes.nodes[:, -1] - found.tubes.nodes[:, 0]) * axis).sum(axis=1)
    assert np.median(along / np.maximum(run * np.linalg.norm(axis, axis=1), 1e-9)) > 0.9
    assert (run + 2 * found.tubes.radii[:, 0] <= longest_strung_nm(PARAMS)).all()


def test_their_share_follows_the_knob_and_has_an_end():
    shares = []
    for fraction in (0.0, 0.03, 0.7):
        trunks, found = strung(mitochondria__volume_fraction=fraction)
        length = np.linalg.norm(np.diff(trunks.tubes.nodes, axis=1), axis=2).sum(axis=1)
        mine = np.linalg.norm(np.diff(found.tubes.nodes, axis=1), axis=2).sum(axis=1) + 1.5 * found.tubes.radii[:, 0]
        shares.append(mine.sum() / length[np.unique(found.trunk)].sum() if len(mine) else 0.0)
    assert shares[0] == 0 < shares[1] < shares[2] < 1.5 * STRUNG_SHARE


def test_a_wider_box_finds_the_same():
    _, found = strung()
    wide = (-CORNER - 3000, CORNER + 3000)
    trunks = place_trunks(PARAMS, streams_of(3, 0), wide)
    more = string_mitochondria(trunks, PARAMS, (-CORNER - 1500, CORNER + 1500))
    assert set(found.key.tolist()) < set(more.key.tolist())
    other = {key: more.tubes.nodes[place] for place, key in enumerate(more.key.tolist())}
    for key, nodes in zip(found.key.tolist(), found.tubes.nodes, strict=True):
        np.testing.assert_array_equal(nodes, other[key])


def test_white_matter_shows_them():
    recipe = load_recipe("white-matter", overrides=["myelin.density_per_um3=0.2", "section.pixel_nm=12"])
    axons = holding = 0
    for image in range(30):
        sample = render(recipe, seed=11, index=image, shape=(1, 256, 256), compartments=True)
        assert sample.compartment is not None
        assert sample.mask is not None
        myelin = sample.compartment[0] == Compartment.MYELIN
        within = ndimage.binary_fill_holes(myelin) & ~myelin
        holes, _ = ndimage.label(within)
        large = np.flatnonzero(np.bincount(holes.ravel())[1:] > 400) + 1
        axons += len(large)
        holding += len(np.unique(holes[(sample.mask[0] == 1) & np.isin(holes, large)]))
    assert axons > 10
    assert 0.1 < holding / axons < 0.8
