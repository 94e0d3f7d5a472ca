"""Organelles drawn on a canvas of their own."""

import numpy as np
from layers import GRID, cut_flat, empty_canvas, layer_on, trunks_of

from mitogen.geometry.random_fields import Waves, random_waves
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.cytoplasm.granules import Granule, draw_granules
from mitogen.organelles.membranes.myelin import MYELIN
from mitogen.organelles.membranes.synapse import T_BARS
from mitogen.organelles.nuclei import NUCLEI
from mitogen.organelles.organelle import Organelle
from mitogen.tissue.bending import push
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.compartments import Compartment

FIELD = random_waves(np.random.default_rng(0), 350.0)


def fields_of(organelle: Organelle) -> dict[str, Waves]:
    return dict.fromkeys(organelle.fields, FIELD)


def sphere(radius: float) -> Tubes:
    return Tubes(np.zeros((1, 2, 3), np.float32), np.full((1, 2), radius, np.float32), np.zeros((1, 3), np.float32))


def test_myelin_is_a_dark_ring_around_a_clear_axon():
    canvas, tubes = empty_canvas(), cut_flat(sphere(300.0))
    params = {"myelin.period_nm": 15.0, "myelin.lamellae": 0.1, "myelin.density": 0.8, "myelin.unevenness": 0.0}
    params |= {"myelin.splits": 0.0, "cells.cytoplasm": 0.1}
    MYELIN.draw(layer_on(canvas, params, fields=fields_of(MYELIN), trunks=trunks_of(sphere(300.0), sheath_nm=80.0)))
    ring = (tubes.distance < -15) & (tubes.distance > -65)
    assert canvas.density[ring].mean() > 0.7
    assert canvas.density[tubes.distance < -100].max() == 0
    assert canvas.density[tubes.distance > 20].max() == 0
    assert not canvas.space.free[ring].any()


def test_a_nucleus_lies_within_its_cell_and_has_an_envelope():
    canvas, tubes = empty_canvas(), cut_flat(sphere(400.0))
    params = {"nuclei.density": 0.2, "nuclei.chromatin": 0.3, "cells.membrane_density": 1.0}
    params |= {"nuclei.pores_per_um2": 0.0, "nuclei.nucleolus": 0.0}
    NUCLEI.draw(layer_on(canvas, params, fields=fields_of(NUCLEI), trunks=trunks_of(sphere(400.0), nucleus_nm=150.0)))
    assert canvas.density[tubes.distance < -250].mean() > 0.15
    assert canvas.density[tubes.distance > -50].max() == 0
    assert canvas.density[np.abs(tubes.distance + 150) < 60].max() > 0.4


def test_a_nucleolus_is_a_dark_body_within_its_nucleus():
    canvas, tubes = empty_canvas(), cut_flat(sphere(400.0))
    params = {"nuclei.density": 0.2, "nuclei.chromatin": 0.6, "cells.membrane_density": 1.0}
    params |= {"nuclei.pores_per_um2": 0.0, "nuclei.nucleolus": 0.4}
    NUCLEI.draw(layer_on(canvas, params, fields=fields_of(NUCLEI), trunks=trunks_of(sphere(400.0), nucleus_nm=100.0)))
    # A radius of 0.4 x 300 nm, give or take.
    assert canvas.density[tubes.distance < -330].min() > 0.5
    assert canvas.density[np.abs(tubes.distance + 220) < 20].mean() < 0.5


def test_a_t_bar_is_a_table_on_a_pedestal_on_the_side_of_the_terminal():
    canvas = empty_canvas()
    y, x = np.meshgrid(GRID.y_nm, GRID.x_nm, indexing="ij")
    canvas.space.owner[...] = x < 0
    canvas.space.neighbour[...] = x >= 0
    canvas.space.membrane[...] = np.abs(x)
    # Both waves vanish along the line y = z = 0, across the membrane.
    k = 2 * np.pi / 4000
    waves = (Waves(np.array([axis]) * k, np.array([-np.pi / 2])) for axis in ((0.0, 1, 0), (1.0, 0, 0)))
    fields = dict(zip(T_BARS.fields, waves, strict=True))
    params = {"t_bars.density_per_um2": 1.0, "t_bars.width_nm": 160.0, "t_bars.height_nm": 60.0, "t_bars.density": 1.0}
    params |= {"cells.gap_nm": 12.0, "cells.membrane_nm": 8.0}
    T_BARS.draw(layer_on(canvas, params, fields=fields, types=(CellType.PLAIN, CellType.BOUTON)))
    # Heights over the face of the membrane, 10 nm from the middle of the gap.
    height = -x - 10
    table, below, above = (abs(height - middle) < 5 for middle in (60, 30, 90))
    assert canvas.density[table & (np.abs(y) < 40)].min() > 0.8
    assert canvas.density[below & (np.abs(y) < 15)].min() > 0.8
    assert canvas.density[below & (np.abs(y) > 50)].max() == 0
    assert canvas.density[above].max() == 0
    assert 0 < canvas.density[(x > 10) & (x < 25) & (np.abs(y) < 60)].mean() < 0.8


def test_granules_fill_what_they_may_and_nothing_else():
    where = np.zeros(GRID.shape, np.bool_)
    where[:, 64:] = True
    solid = Granule(20.0, 0.0, 0.0, 0.0, 1.0, spacing_nm=50.0, occupancy=1.0)
    shares = []
    for key in range(12):
        canvas = empty_canvas()
        draw_granules(canvas, solid, where, key, Compartment.RIBOSOME)
        assert canvas.density[:, :58].max() == 0
        shares.append(canvas.density[10:-10, 70:-10].mean())
    # A sphere of 20 nm in each cube of 50 nm fills 27 % of it; overlaps hide a little.
    assert 0.2 < np.mean(shares) < 0.3


def test_granules_agree_from_section_to_section():
    first, second = empty_canvas(), empty_canvas(z_nm=4.0)
    everywhere = np.ones(GRID.shape, np.bool_)
    ring = Granule(25.0, 0.2, 7.0, 1.0, 0.1, 60.0, 0.8)
    draw_granules(first, ring, everywhere, 9, Compartment.VESICLE)
    draw_granules(second, ring, everywhere, 9, Compartment.VESICLE)
    other = empty_canvas()
    draw_granules(other, ring, everywhere, 10, Compartment.VESICLE)
    same = np.corrcoef(first.density.ravel(), second.density.ravel())[0, 1]
    assert same > 0.85
    assert abs(np.corrcoef(first.density.ravel(), other.density.ravel())[0, 1]) < 0.2


def test_a_tube_claims_its_surroundings_for_its_host():
    canvas, tubes = empty_canvas(), cut_flat(sphere(200.0))
    canvas.space.owner[...] = 1
    canvas.space.neighbour[...] = 2
    push(canvas.space, tubes, np.array([5], np.int32), gap_nm=30.0)
    assert np.all(canvas.space.owner[tubes.distance < 20] == 5)
    assert np.all(canvas.space.owner[tubes.distance > 40] == 1)
    assert canvas.space.membrane[np.abs(tubes.distance - 30) < 3].max() < 8
