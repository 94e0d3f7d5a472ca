"""The scene of one image: what is where in the tissue, in nm, before anything is cut or drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from mitogen.fields import Waves, random_waves
from mitogen.grid import FloatArray, Grid
from mitogen.organelles.bodies import place_bodies
from mitogen.organelles.golgi import Stacks, house_golgi, place_golgi
from mitogen.organelles.levels import wavelength_of_threads
from mitogen.organelles.mitochondria import place_mitochondria
from mitogen.shapes import Tubes, bend, hard_core
from mitogen.tissue import Cells, Kind, cells_at, place_cells
from mitogen.world import StreamOf, directions, scatter

NODES = 7
KEYS = (
    "vesicles", "dense", "ribosomes", "sparse", "inner", "filaments", "matrix", "microtubules", "studs",
    "glycogen", "golgi",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a section of the tissue can show.

    Attributes:
        cells: the crowd that fills space.
        kind: (C,) int8 kind of each cell (see `tissue.Kind`); the tubes of `trunks` are cells too and come last.
        shade: (C,) float32 density of each cell's cytoplasm.
        axis: (C, 3) float32 direction along which each cell runs.
        trunks: the smooth tubes that push into the crowd: dendrites and axons, myelinated axons, cell bodies.
        trunk_cell: (T,) int32 the cell that each of them is.
        sheath_nm: (T,) float32 thickness of each one's myelin, 0 for none.
        nucleus_nm: (T,) float32 depth of each one's nucleus under its surface, 0 for none.
        inclusions: mitochondria and bodies.
        host: (I,) int32 cell that holds each inclusion.
        instance: (I,) int32 number of each mitochondrion from 1, 0 for bodies.
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


def build(drawn: Mapping[str, float], streams: StreamOf, grid: Grid) -> Scene:
    """Build the scene around a grid from an image's numbers and streams."""
    cells, kind, shade = place_cells(drawn, streams, grid)
    trunks, trunk_kind, trunk_shade, sheath, nucleus = _place_trunks(drawn, streams, grid)
    trunk_cell = (len(kind) + np.arange(len(trunks))).astype(np.int32)
    directions_of_trunks = _unit(trunks.nodes[:, -1] - trunks.nodes[:, 0])

    mitochondria, looks = place_mitochondria(drawn, streams, grid)
    bodies, body_kind, body_looks = place_bodies(drawn, streams, grid)
    inclusions = Tubes(
        np.concatenate([mitochondria.nodes, bodies.nodes]),
        np.concatenate([mitochondria.radii, bodies.radii]),
        np.concatenate([mitochondria.side, bodies.side]),
    )
    # Long mitochondria have more rivals than short ones; without a head start few of them would be left.
    length = np.linalg.norm(np.diff(mitochondria.nodes, axis=1), axis=2).sum(axis=1)
    head_start = mitochondria.radii.mean(axis=1) / (mitochondria.radii.mean(axis=1) + length)
    priority = np.concatenate([looks[:, 0] * head_start, 1 + body_looks[:, 3]])
    body = np.concatenate([np.full(len(mitochondria), -1, np.int8), body_kind])
    all_looks = np.concatenate([looks, np.tile(body_looks, 2)])
    host, fits = _find_hosts(cells, inclusions, trunks, trunk_cell, sheath, nucleus)
    kept = fits & hard_core(inclusions, priority, drawn["mitochondria.gap_nm"])
    chosen = np.flatnonzero(kept)
    body = body[chosen]
    return Scene(
        cells,
        np.concatenate([kind, trunk_kind]),
        np.concatenate([shade, trunk_shade]),
        np.concatenate([cells.axis, directions_of_trunks]),
        trunks,
        trunk_cell,
        sheath,
        nucleus,
        inclusions.take(chosen),
        host[chosen],
        np.where(body < 0, np.cumsum(body < 0), 0).astype(np.int32),
        body,
        all_looks[chosen],
        _place_golgi(drawn, streams, grid, cells, np.concatenate([kind, trunk_kind]), trunks),
        _fields(drawn, streams),
        {name: int(streams(f"key/{name}").integers(2**62)) for name in KEYS},
    )


def _fields(drawn: Mapping[str, float], streams: StreamOf) -> dict[str, Waves]:
    lengths = {
        "ripple": 380.0,
        "texture": 150.0,
        "cluster": drawn["boutons.cluster_nm"],
        "patch": drawn["synapses.spacing_nm"],
        "sheets": 900.0,
        "sheet_patch": 700.0,
        "tubule_1": drawn["reticulum.tubule_spacing_nm"],
        "tubule_2": drawn["reticulum.tubule_spacing_nm"],
        "tubule_patch": 700.0,
        "wander_1": 900.0,
        "wander_2": 900.0,
        "coarse": 350.0,
        "fine": 70.0,
        "t_bar_1": wavelength_of_threads(drawn["t_bars.density_per_um2"]),
        "t_bar_2": wavelength_of_threads(drawn["t_bars.density_per_um2"]),
        "pore_1": wavelength_of_threads(drawn["nuclei.pores_per_um2"]),
        "pore_2": wavelength_of_threads(drawn["nuclei.pores_per_um2"]),
    }
    return {name: random_waves(streams(f"field/{name}"), length) for name, length in lengths.items()}


def _place_golgi(
    drawn: Mapping[str, float], streams: StreamOf, grid: Grid, cells: Cells, kind: NDArray[np.int8], trunks: Tubes
) -> Stacks:
    """Scatter Golgi stacks and find the cell of each, and how large it may be there."""
    stacks = place_golgi(drawn, streams, grid)
    if len(stacks.centre) == 0:
        return stacks
    host = cells_at(cells, stacks.centre)
    room = 0.8 * cells.radius[host].astype(np.float64)
    if len(trunks):
        depth = -_distances(trunks, stacks.centre)
        holder = np.argmax(depth, axis=0)
        within = depth[holder, np.arange(len(holder))]
        host = np.where(within > 0, len(cells.radius) + holder, host).astype(np.int32)
        room = np.where(within > 0, 60 + 0.8 * within, room)
    room[np.isin(kind[host], (Kind.BOUTON, Kind.MYELINATED))] = 0
    return house_golgi(stacks, host, room)


def _place_trunks(
    drawn: Mapping[str, float], streams: StreamOf, grid: Grid
) -> tuple[Tubes, NDArray[np.int8], FloatArray, FloatArray, FloatArray]:
    """Scatter neurites, myelinated axons and cell bodies that do not overlap one another."""
    parts = []
    for kind, name, length_nm in (
        (Kind.SOMA, "somata", 0.0),
        (Kind.MYELINATED, "myelin", 6000.0),
        (Kind.NEURITE, "neurites", 3000.0),
    ):
        radius = drawn[f"{name}.radius_nm"]
        margin = min(length_nm / 2, 1500) + 2 * radius + 200
        centre, u = scatter(streams, name, drawn[f"{name}.density_per_um3"], grid.box(margin), 12)
        r = radius * np.exp(0.3 * np.clip(ndtri(u[:, 0]), -2, 2))
        length = np.full(len(r), length_nm) + r * u[:, 1]
        line = bend(
            centre, directions(u[:, 2], u[:, 3]), directions(u[:, 4], u[:, 5]), length, 1.2 * (u[:, 6] - 0.5), NODES
        )
        swelling = 1 + 0.15 * np.sin(2 * np.pi * (u[:, 7, None] + np.linspace(0, 1.3, NODES)[None]))
        sheath = (
            r * drawn["myelin.sheath_ratio"] * (0.6 + 0.8 * u[:, 8]) if kind == Kind.MYELINATED else np.zeros(len(r))
        )
        nucleus = r * (0.2 + 0.3 * u[:, 8]) if kind == Kind.SOMA else np.zeros(len(r))
        shade = drawn["cells.cytoplasm"] + drawn["neurites.shade"] * (kind != Kind.SOMA) + 0.05 * (u[:, 9] - 0.5)
        parts.append(
            (
                line,
                r[:, None] * swelling,
                directions(u[:, 10], u[:, 11]),
                np.full(len(r), kind),
                shade,
                sheath,
                nucleus,
                kind - u[:, 11],
            )
        )
    line, radii, side, kinds, shades, sheaths, nuclei, order = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    tubes = Tubes(line.astype(np.float32), radii.astype(np.float32), side.astype(np.float32))
    kept = np.flatnonzero(hard_core(tubes, -order, 10.0))
    return (
        tubes.take(kept),
        kinds[kept].astype(np.int8),
        np.maximum(shades[kept], 0.0).astype(np.float32),
        sheaths[kept].astype(np.float32),
        nuclei[kept].astype(np.float32),
    )


def _find_hosts(
    cells: Cells,
    inclusions: Tubes,
    trunks: Tubes,
    trunk_cell: NDArray[np.int32],
    sheath_nm: FloatArray,
    nucleus_nm: FloatArray,
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The cell that holds each inclusion, and whether it lies wholly within or wholly outside every trunk."""
    count, nodes = inclusions.radii.shape
    if count == 0:
        return np.zeros(0, np.int32), np.zeros(0, np.bool_)
    host = cells_at(cells, inclusions.nodes[:, nodes // 2].astype(np.float64))
    fits = np.ones(count, np.bool_)
    if len(trunks) == 0:
        return host, fits
    points = inclusions.nodes.reshape(-1, 3).astype(np.float64)
    depth = _distances(trunks, points).reshape(len(trunks), count, nodes)
    radii = inclusions.radii[None]
    outside = np.all(depth > radii + 40, axis=2)
    inner = np.all(depth < -(radii + 25 + sheath_nm[:, None, None]), axis=2)
    beside_nucleus = np.all(depth + nucleus_nm[:, None, None] > radii + 60, axis=2) | (nucleus_nm[:, None] == 0)
    within = inner & beside_nucleus
    fits = np.all(outside | within, axis=0)
    holder = np.argmax(within, axis=0)
    return np.where(within.any(axis=0), trunk_cell[holder], host).astype(np.int32), fits


def _distances(tubes: Tubes, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distance (T, P) in nm of points (P, 3) from each tube's surface."""
    nearest = np.empty((len(tubes), len(points)))
    for tube in range(len(tubes)):  # one at a time: all at once take half a gigabyte for a crowded megapixel
        start, end = tubes.nodes[tube, :-1].astype(np.float64), tubes.nodes[tube, 1:].astype(np.float64)
        along = end - start
        offset = points[None] - start[:, None]
        squared = np.maximum(np.sum(along * along, axis=1), 1e-9)
        t = np.clip(np.sum(offset * along[:, None], axis=2) / squared[:, None], 0, 1)
        radius = tubes.radii[tube, :-1, None] + t * (tubes.radii[tube, 1:] - tubes.radii[tube, :-1])[:, None]
        nearest[tube] = np.min(np.linalg.norm(offset - t[..., None] * along[:, None], axis=2) - radius, axis=0)
    return nearest


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = np.where(length > 0, vectors / np.maximum(length, 1e-9), np.array([1.0, 0.0, 0.0])).astype(
        np.float32
    )
    return unit
