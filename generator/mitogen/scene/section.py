"""Cut the scene at one height: the instances on that plane, and the stain that the section's thickness holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.point_process import StreamOf
from mitogen.organelles.organelle import MITOCHONDRION, InclusionMap, Layer, Organelle
from mitogen.organelles.table import ORGANELLES, ROUND_BODIES
from mitogen.scene.inclusions import lay_inclusions
from mitogen.scene.scene import Scene
from mitogen.tissue.canvas import blank_canvas


@dataclass(frozen=True, eq=False)
class Section:
    """What one section holds, before it is imaged; every array (Y, X).

    Attributes:
        label: int32 instances, 0 = background. An instance covers the pixels whose centres lie within the outer face of
            its outer membrane, in the middle of the section.
        density: float32 stain: 0 is clear resin, 1 the darkest membrane.
        compartments: uint8 compartments (see `compartments.Compartment`) in the middle of the section; of size 0 if
        not asked for.
    """

    label: NDArray[np.int32]
    density: FloatArray
    compartments: NDArray[np.uint8]


def cut(
    scene: Scene,
    params: Mapping[str, float],
    grid: Grid,
    z_nm: float,
    streams: StreamOf,
    compartments: bool = False,
) -> Section:
    """Cut the scene with the section whose middle is at `z_nm`.

    Args:
        scene: what to cut.
        params: the image's params.
        grid: the pixels.
        z_nm: height of the section's middle in nm.
        streams: the image's streams, for the grain of the cytoplasm.
        compartments: whether the map of compartments is wanted.
    """
    layer = lay_out(scene, params, grid, z_nm, streams, compartments)
    for organelle in ORGANELLES:
        organelle.draw(layer_of(organelle, layer, scene))
    canvas = layer.canvas
    return Section(_instances(layer.inclusions), canvas.density, canvas.compartments)


def lay_out(
    scene: Scene, params: Mapping[str, float], grid: Grid, z_nm: float, streams: StreamOf, compartments: bool
) -> Layer:
    """Cut cells and inclusions, and bend the membranes around the latter; nothing is drawn yet. Arguments as `cut`."""
    space, trunk_map = scene.layout.cut(grid, z_nm)
    canvas = blank_canvas(grid, z_nm, space, compartments)
    canvas, inclusions = lay_inclusions(canvas, scene.inclusions, params, scene.fields, scene.layout, trunk_map)
    return Layer(canvas, params, streams, scene.layout, trunk_map, inclusions)


def layer_of(organelle: Organelle, layer: Layer, scene: Scene) -> Layer:
    """What an organelle may see of a layer: of fields, keys and sites only those that its row of the table declares."""
    return Layer(  # dataclasses.replace would take several times as long, for each of thirty organelles
        layer.canvas,
        layer.params,
        layer.streams,
        layer.layout,
        layer.trunk_map,
        layer.inclusions,
        fields=scene.fields.only(organelle.fields),
        keys=scene.keys.only(organelle.keys),
        sites=scene.sites.get(organelle.name, layer.sites),
        species=ROUND_BODIES.index(organelle) if organelle.body else MITOCHONDRION,
    )


def _instances(inclusions: InclusionMap) -> NDArray[np.int32]:
    within = inclusions.map.distance < 0
    label = np.zeros(within.shape, np.int32)
    label[within] = inclusions.inclusions.instance[inclusions.map.nearest[within]]
    return label
