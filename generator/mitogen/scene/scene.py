"""The scene of one image: what is where in the tissue, in nm, before anything is cut or drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.collisions import deepest
from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.random_fields import Waves, random_waves
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.golgi import Stacks, house_golgi, place_golgi
from mitogen.organelles.level_sets import wavelength_of_threads
from mitogen.scene.placement import place_inclusions
from mitogen.tissue.cells import Cells, CellType, cells_at, place_cells

KEYS = (
    "vesicles", "dense", "ribosomes", "sparse", "inner", "filaments", "matrix", "microtubules", "studs",
    "glycogen", "golgi",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a section of the tissue can show.

    Attributes:
        cells: the crowd that fills space.
        kind: (C,) int8 kind of each cell (see `cells.CellType`); the tubes of `trunks` are cells too and come last.
        shade: (C,) float32 density of each cell's cytoplasm.
        axis: (C, 3) float32 direction along which each cell runs.
        trunks: the smooth tubes that push into the crowd: dendrites and axons, myelinated axons, cell bodies.
        trunk_cell: (T,) int32 the cell that each of them is.
        sheath_nm: (T,) float32 thickness of each one's myelin, 0 for none.
        nucleus_nm: (T,) float32 depth of each one's nucleus under its surface, 0 for none.
        inclusions: mitochondria and bodies.
        host: (I,) int32 cell that holds each inclusion.
        instance: (I,) int32 number of each mitochondrion from 1, 0 for bodies; tubes of one share it.
        body: (I,) int8 kind of each body (see `bodies.Body`), -1 for mitochondria.
        looks: (I, 8) float64 numbers in 0-1 for the looks of each inclusion.
        golgi: the Golgi stacks, each with its host.
        fields: smooth fields by name.
        keys: keys of the lattices of granules by name.
    """

    cells: Cells
    kind: NDArray[np.int8]
    shade: FloatArray
    axis: FloatArray
    trunks: Tubes
    trunk_cell: NDArray[np.int32]
    sheath_nm: FloatArray
    nucleus_nm: FloatArray
    inclusions: Tubes
    host: NDArray[np.int32]
    instance: NDArray[np.int32]
    body: NDArray[np.int8]
    looks: NDArray[np.float64]
    golgi: Stacks
    fields: Mapping[str, Waves]
    keys: Mapping[str, int]


def build(params: Mapping[str, float], streams: StreamOf, grid: Grid) -> Scene:
    """Build the scene around a grid from an image's numbers and streams."""
    found, trunks = place_inclusions(params, streams, grid)
    golgi = place_golgi(params, streams, grid)
    # The cells of all that can be seen, and those that hold the centre of something that can be.
    low, high = grid.box(0.0)
    points = np.concatenate([found.centre, golgi.centre])
    box = (points.min(axis=0, initial=np.inf), points.max(axis=0, initial=-np.inf))
    cells, kind, shade = place_cells(params, streams, (np.minimum(low, box[0]), np.maximum(high, box[1])))
    trunk_cell = (len(kind) + np.arange(len(trunks.tubes))).astype(np.int32)
    kinds = np.concatenate([kind, trunks.kind])
    host = np.full(len(found.trunk), -1, np.int32)
    free = found.trunk < 0
    host[free] = cells_at(cells, found.centre[free])
    host[~free] = trunk_cell[found.trunk[~free]]
    return Scene(
        cells,
        kinds,
        np.concatenate([shade, trunks.shade]),
        np.concatenate([cells.axis, _unit(trunks.tubes.nodes[:, -1] - trunks.tubes.nodes[:, 0])]),
        trunks.tubes,
        trunk_cell,
        trunks.sheath_nm,
        trunks.nucleus_nm,
        found.tubes,
        host,
        found.instance,
        found.kind,
        found.looks,
        _house_golgi(golgi, cells, kinds, trunks.tubes),
        _fields(params, streams),
        {name: int(streams(f"key/{name}").integers(2**62)) for name in KEYS},
    )


def _fields(params: Mapping[str, float], streams: StreamOf) -> dict[str, Waves]:
    lengths = {
        "ripple": 380.0,
        "texture": 150.0,
        "cluster": params["boutons.cluster_nm"],
        "patch": params["synapses.spacing_nm"],
        "sheets": 900.0,
        "sheet_patch": 700.0,
        "tubule_1": params["reticulum.tubule_spacing_nm"],
        "tubule_2": params["reticulum.tubule_spacing_nm"],
        "tubule_patch": 700.0,
        "wander_1": 900.0,
        "wander_2": 900.0,
        "coarse": 350.0,
        "fine": 70.0,
        "t_bar_1": wavelength_of_threads(params["t_bars.density_per_um2"]),
        "t_bar_2": wavelength_of_threads(params["t_bars.density_per_um2"]),
        "pore_1": wavelength_of_threads(params["nuclei.pores_per_um2"]),
        "pore_2": wavelength_of_threads(params["nuclei.pores_per_um2"]),
    }
    return {name: random_waves(streams(f"field/{name}"), length) for name, length in lengths.items()}


def _house_golgi(stacks: Stacks, cells: Cells, kind: NDArray[np.int8], trunks: Tubes) -> Stacks:
    """Find the cell of each Golgi stack, and how large it may be there."""
    if len(stacks.centre) == 0:
        return stacks
    host = cells_at(cells, stacks.centre)
    room = 0.8 * cells.radius[host].astype(np.float64)
    if len(trunks):
        holder, within = deepest(trunks, stacks.centre)
        host = np.where(within > 0, len(cells.radius) + holder, host).astype(np.int32)
        room = np.where(within > 0, 60 + 0.8 * within, room)
    room[np.isin(kind[host], (CellType.BOUTON, CellType.MYELINATED))] = 0
    return house_golgi(stacks, host, room)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = np.where(length > 0, vectors / np.maximum(length, 1e-9), np.array([1.0, 0.0, 0.0])).astype(
        np.float32
    )
    return unit
