"""Nuclei of large cells: smooth, bent or lobed."""

from collections.abc import Mapping

import numpy as np

from mitogen.geometry.hashing import chains
from mitogen.geometry.point_process import Box, directions
from mitogen.geometry.tubes import Tubes, bend
from mitogen.tissue.cell_types import CellType
from mitogen.tissue.cells.large_cells import LargeCells
from mitogen.tissue.trunks import Trunks

NODES = 7
DEPTH_NM = 120.0
"""How far below the surface of its trunk a nucleus begins."""


def nuclei_of(
    params: Mapping[str, float], bodies: LargeCells, size_nm: float, box_nm: Box
) -> Trunks:  # fmt: skip
    """The nuclei of cells that may reach into a box.

    Args:
        params: the image's params.
        bodies: the cells.
        size_nm: mean radius of a nucleus.
        box_nm: where they must be.
    """
    middle_nm, key = bodies.middles(box_nm, 4 * size_nm)
    u = chains(key ^ np.uint64(0x2C1E), 9)
    radius = size_nm * (0.8 + 0.4 * u[:, 0])
    lobes = params["nuclei.lobes"]
    length = radius * (0.5 + 2.5 * lobes * u[:, 1])
    line = bend(
        middle_nm,
        directions(u[:, 2], u[:, 3]),
        directions(u[:, 4], u[:, 5]),
        length,
        4 * lobes * (u[:, 6] - 0.3),
        NODES,
    )
    waists = 1 + 0.5 * lobes * np.sin(2 * np.pi * (u[:, 7, None] + np.linspace(0, 1.6, NODES)[None]))
    radii = (radius / (1 + 0.6 * lobes))[:, None] * waists + DEPTH_NM
    tubes = Tubes(line.astype(np.float32), radii.astype(np.float32), directions(u[:, 8], u[:, 0]).astype(np.float32))
    near = np.flatnonzero(tubes.reaching(box_nm))
    count = len(near)
    return Trunks(
        tubes.take(near), np.full(count, CellType.CULTURED, np.int8),
        np.full(count, params["cells.cytoplasm"], np.float32), np.zeros(count, np.float32),
        np.full(count, DEPTH_NM, np.float32),
    )  # fmt: skip
