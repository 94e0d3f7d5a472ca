"""How mitochondria and round bodies lie on a section: their rough outlines, and the cytoplasm kept around them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tube_sections import cut_tubes
from mitogen.geometry.tubes import FAR_NM, TubeMap
from mitogen.organelles.organelle import MITOCHONDRION, InclusionMap, Inclusions
from mitogen.organelles.table import ROUND_BODIES
from mitogen.tissue.bending import push
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.layout import Layout
from mitogen.tissue.packed import PackedMap

FIELDS = {"ripple": 380.0, "clearance": 350.0}
"""Fields that inclusions have together and their wavelengths in nm: of the outlines, and of the clearance."""


ROUGHEST_NM = 12.0
"""How irregular the outlines of packed mitochondria are at most: they touch."""


def lay_inclusions(
    canvas: Canvas, inclusions: Inclusions, params: Mapping[str, float], fields: Mapping[str, Waves],
    layout: Layout, trunk_map: TubeMap,
) -> tuple[Canvas, InclusionMap]:  # fmt: skip
    """Cut the inclusions, and bend the membranes around them.

    Args:
        canvas: its cells are changed in place.
        inclusions: what there is.
        params: the image's params.
        fields: those of `FIELDS`.
        layout: may know of packed mitochondria.
        trunk_map: which trunk is where; none of those runs into one.

    Returns:
        The canvas with the room that inclusions leave, and which of them is where.
    """
    grid, space = canvas.grid, canvas.space
    ripple = canvas.on_section(fields["ripple"])
    room = _clearance(params, canvas.on_section(fields["clearance"]))
    room += np.float32(params["cells.gap_nm"] / 2)
    reach = max(120.0, float(room.max()) + 60)
    scattered = inclusions.tubes.take(np.arange(inclusions.scattered))
    seen = cut_tubes(scattered, grid, canvas.z_nm, reach, ripple, _roughness(inclusions, params)[: len(scattered)])
    push(space, seen, inclusions.host, room)
    if layout.packed is not None:
        border = np.minimum(space.membrane, trunk_map.distance)
        packed = layout.packed.cut(grid, canvas.z_nm, space, border)
        uneven = min(params["mitochondria.roughness"] * params["mitochondria.radius_nm"], ROUGHEST_NM)
        np.add(packed.distance, np.float32(uneven) * ripple, out=packed.distance, where=packed.distance < FAR_NM)
        lay_over(seen, packed, inclusions.scattered)
    np.logical_and(space.free, seen.distance > 12, out=space.free)
    canvas = replace(canvas, space=space._replace(room=seen.distance))
    return canvas, InclusionMap(inclusions, seen, grid.thickness_nm / 2 + 12)


def lay_over(seen: TubeMap, packed: PackedMap, first: int) -> None:
    """Put packed mitochondria over what else is seen, where they are nearer; the first of them is tube `first`."""
    nearer = packed.distance < seen.distance
    for own, other in ((seen.distance, packed.distance), (seen.normal_z, packed.normal_z)):
        np.copyto(own, other, where=nearer)
    np.copyto(seen.nearest, packed.nearest + np.int32(first), where=nearer)
    # They end where their share of space does, not midway to what is next.
    seen.second[nearer] = -1


def _roughness(inclusions: Inclusions, params: Mapping[str, float]) -> FloatArray:
    """Irregularity (T,) in nm of each outline."""
    relative = np.array([organelle.body.roughness for organelle in ROUND_BODIES if organelle.body])
    roughness = np.where(
        inclusions.species == MITOCHONDRION, params["mitochondria.roughness"], relative[inclusions.species]
    )
    in_nm: FloatArray = (roughness * inclusions.tubes.radii.mean(axis=1)).astype(np.float32)
    return in_nm


def _clearance(params: Mapping[str, float], field: FloatArray) -> FloatArray:
    """Cytoplasm (Y, X) in nm that is kept around mitochondria: here more, there less, or cells would be haloes."""
    uneven = np.exp(np.float32(params["mitochondria.clearance_spread"]) * field)
    clearance: FloatArray = np.minimum(np.float32(params["mitochondria.clearance_nm"]) * uneven, np.float32(200))
    return clearance
