"""The scene of one image: what is where in the tissue, in nm, before anything is cut or drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.collisions import touching
from mitogen.geometry.grid import Grid
from mitogen.geometry.hashing import chains
from mitogen.geometry.point_process import Box, StreamOf
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.fields import OnDemand, fields_of, keys_of
from mitogen.organelles.organelle import MITOCHONDRION, Inclusions, Sites
from mitogen.organelles.round_bodies.lipid import LIPID
from mitogen.organelles.table import ORGANELLES, ROUND_BODIES
from mitogen.scene.inclusions import FIELDS
from mitogen.scene.placement import PlacedBodies, find_bodies
from mitogen.tissue.arrangements import arrangement_of
from mitogen.tissue.layout import Layout, Window
from mitogen.tissue.packed import NOWHERE, Packed, in_sight

VISIBLE_NM = 200.0
"""An inclusion that stays further than this from the grid is not seen, nor does it bend a membrane that is."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that a section of the tissue can show.

    Attributes:
        layout: the cells that fill space.
        inclusions: mitochondria and round bodies.
        sites: the places of organelles that are scattered through cells, by the organelle's name.
        fields: smooth fields by name.
        keys: keys of lattices by name.
    """

    layout: Layout
    inclusions: Inclusions
    sites: Mapping[str, Sites]
    fields: OnDemand[Waves]
    keys: OnDemand[int]


def build(params: Mapping[str, float], streams: StreamOf, grid: Grid) -> Scene:
    """Build the scene around a grid from an image's params and streams."""
    arrangement = arrangement_of(params)
    offered = {**params, "mitochondria.volume_fraction": 0.0} if arrangement.packs(params) else params
    found = find_bodies(offered, streams, grid.box(VISIBLE_NM))
    sites = {o.name: o.sites.scatter(params, streams, grid) for o in ORGANELLES if o.sites}
    # A site that can be seen may have its centre in a trunk that cannot.
    sight = grid.box(max([VISIBLE_NM, *(o.sites.reach_nm(params) for o in ORGANELLES if o.sites)]))
    window = Window(
        sight,
        bodies=_around_tubes(found.tubes, sight),
        points=_around_points([found.centre, *(some.centre for some in sites.values())], grid.box(0.0)),
    )
    layout = arrangement.place(params, streams, window)
    lengths = {name: length for o in ORGANELLES for name, length in o.fields.items()}
    return Scene(
        layout,
        _string(_admit(found, layout, params["mitochondria.gap_nm"]), layout, sight),
        {o.name: _house(sites[o.name], layout, o.name, o.sites.smallest_nm) for o in ORGANELLES if o.sites},
        fields_of(lengths | FIELDS, params, streams),
        keys_of((name for o in ORGANELLES for name in o.keys), streams),
    )


def _admit(found: PlacedBodies, layout: Layout, gap_nm: float) -> Inclusions:
    """Find the cell of every body; one that may not lie where it is goes, with all its branches.

    Those without branches are shortened first, if that helps.
    """
    alone = np.flatnonzero(np.bincount(found.body, minlength=len(found.species))[found.body] == 1)
    tubes = found.tubes.put(alone, layout.trim(found.tubes.take(alone)))
    host = layout.hosts(tubes, found.centre[found.body])
    for species, organelle in enumerate(ROUND_BODIES):
        if organelle.body and organelle.body.content:
            own = np.flatnonzero((found.species[found.body] == species) & (host != NOWHERE))
            host[own[~layout.holding(organelle.body.content)[host[own]]]] = NOWHERE
    if layout.strung is not None:
        host[touching(tubes, layout.strung[0].tubes, 0.0)] = NOWHERE
    stays = ~np.isin(found.body, found.body[host == NOWHERE])
    for species, organelle in enumerate(ROUND_BODIES):
        if organelle.body and organelle.body.crowded:
            _give_way(tubes, found.species[found.body], species, stays, gap_nm)
    at = np.flatnonzero(stays)
    body = found.body[at]
    scattered = Inclusions(
        tubes.take(at), found.species[body], found.number[body], host[at], found.looks[body], len(at)
    )
    return scattered if layout.packed is None else _join(scattered, layout.packed)


def _string(inclusions: Inclusions, layout: Layout, sight: Box) -> Inclusions:
    """Add the mitochondria along axons; their numbers are even, those of others become odd."""
    if layout.strung is None:
        return inclusions
    strung, cell = layout.strung
    reach = float(strung.tubes.radii.max(initial=0.0))
    seen, number = in_sight(strung.tubes.nodes.astype(np.float64), strung.key, reach, sight)
    seen, number = seen[cell[seen] != NOWHERE], number[cell[seen] != NOWHERE]
    instance = np.where(inclusions.instance > 0, 2 * inclusions.instance - 1, 0)
    return Inclusions(
        inclusions.tubes.join(strung.tubes.take(seen)),
        np.concatenate([inclusions.species, np.full(len(seen), MITOCHONDRION, np.int8)]),
        np.concatenate([instance, 2 * number]).astype(np.int32),
        np.concatenate([inclusions.host, cell[seen]]),
        np.concatenate([inclusions.looks, chains(strung.key[seen], 8)]),
        inclusions.scattered + len(seen),
    )


def _give_way(
    tubes: Tubes, species: NDArray[np.int8], crowded: int, stays: NDArray[np.bool_], gap_nm: float
) -> None:  # fmt: skip
    """Clear `stays` (T,) of tubes of a crowded species that are too close to others that stay.

    Those of later crowded species do not count: they give way themselves.
    """
    later = [n for n, organelle in enumerate(ROUND_BODIES) if organelle.body and organelle.body.crowded and n > crowded]
    own = np.flatnonzero(stays & (species == crowded))
    others = np.flatnonzero(stays & ~np.isin(species, [crowded, *later]))
    stays[own[touching(tubes.take(own), tubes.take(others), gap_nm)]] = False


def _join(scattered: Inclusions, packed: Packed) -> Inclusions:
    """Put lipid droplets of packed mitochondria to what is scattered, and the mitochondria after them."""
    count, droplets = len(packed.tubes), len(packed.droplets)
    parts = scattered.tubes, packed.droplets, packed.tubes
    nodes, radii, side = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("nodes", "radii", "side")
    )
    species = np.r_[np.full(droplets, ROUND_BODIES.index(LIPID)), np.full(count, MITOCHONDRION)].astype(np.int8)
    keys = np.concatenate([packed.droplets.nodes[:, 0, 0].astype(np.float64).view(np.uint64), packed.key])
    return Inclusions(
        Tubes(nodes, radii, side),
        np.concatenate([scattered.species, species]),
        np.concatenate([scattered.instance, np.zeros(droplets, np.int32), packed.number]),
        np.concatenate([scattered.host, packed.droplet_cell, packed.cell]),
        np.concatenate([scattered.looks, chains(keys, 8)]),
        scattered.scattered + droplets,
    )


def _house(sites: Sites, layout: Layout, name: str, smallest_nm: float) -> Sites:
    """Find the cell of every site, and how large it may be there; it goes if that does not hold what it is."""
    if len(sites.centre) == 0:
        return sites
    host, room = layout.holders(sites.centre)
    return sites.fit(host, np.where(layout.holding(name)[host], room, 0.0), smallest_nm)


def _around_points(points: list[NDArray[np.float64]], box_nm: Box) -> Box:
    """The box around another one and points (N, 3)."""
    every = np.concatenate(points)
    low, high = every.min(axis=0, initial=np.inf), every.max(axis=0, initial=-np.inf)
    return np.minimum(box_nm[0], low), np.maximum(box_nm[1], high)


def _around_tubes(tubes: Tubes, box_nm: Box) -> Box:
    """The box around another one and tubes."""
    radii = tubes.radii[..., None].astype(np.float64)
    return _around_points([(tubes.nodes - radii).reshape(-1, 3), (tubes.nodes + radii).reshape(-1, 3)], box_nm)
