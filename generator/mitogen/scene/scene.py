"""The scene of one image: what is where in the tissue, in nm, before anything is cut or drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import Grid
from mitogen.geometry.point_process import Box, StreamOf
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tubes import Tubes
from mitogen.organelles.fields import OnDemand, fields_of, keys_of
from mitogen.organelles.organelle import Inclusions, Sites
from mitogen.organelles.table import ORGANELLES
from mitogen.scene.inclusions import FIELDS
from mitogen.scene.placement import Found, find_bodies
from mitogen.tissue.arrangements import arrangement_of
from mitogen.tissue.layout import NOWHERE, Layout, Window

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
    found = find_bodies(params, streams, grid.box(VISIBLE_NM))
    sites = {o.name: o.sites.scatter(params, streams, grid) for o in ORGANELLES if o.sites}
    # A site that can be seen may have its centre in a trunk that cannot.
    sight = grid.box(max([VISIBLE_NM, *(o.sites.reach_nm(params) for o in ORGANELLES if o.sites)]))
    window = Window(
        sight,
        bodies=_around_tubes(found.tubes, sight),
        points=_around_points([found.centre, *(some.centre for some in sites.values())], grid.box(0.0)),
    )
    layout = arrangement_of(params).place(params, streams, window)
    lengths = {name: length for o in ORGANELLES for name, length in o.fields.items()}
    return Scene(
        layout,
        _admit(found, layout),
        {o.name: _house(sites[o.name], layout, o.name, o.sites.smallest_nm) for o in ORGANELLES if o.sites},
        fields_of(lengths | FIELDS, params, streams),
        keys_of((name for o in ORGANELLES for name in o.keys), streams),
    )


def _admit(found: Found, layout: Layout) -> Inclusions:
    """Find the cell of every body; one that may not lie where it is goes, with all its branches."""
    host = layout.hosts(found.tubes, found.centre[found.body])
    at = np.flatnonzero(~np.isin(found.body, found.body[host == NOWHERE]))
    body = found.body[at]
    return Inclusions(found.tubes.take(at), found.species[body], found.number[body], host[at], found.looks[body])


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
