"""Cut the scene at one height: the instances on that plane, and the stain that the section's thickness holds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray, Grid
from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.random_fields import Waves
from mitogen.geometry.tubes import TubeMap, cut_tubes
from mitogen.organelles.cytoplasm import Contents, draw_contents, draw_ground
from mitogen.organelles.mitochondria.drawing import Mitochondria, draw_mitochondria
from mitogen.organelles.myelin import draw_myelin
from mitogen.organelles.nuclei import draw_nuclei
from mitogen.organelles.round_bodies import draw_bodies, roughness_of_bodies
from mitogen.organelles.synapse import draw_densities, draw_t_bars
from mitogen.scene.scene import Scene
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.cells import CellType, cut_cells, draw_membranes, push


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
    canvas, trunks, inclusions = _lay_out(scene, params, grid, z_nm, compartments)
    fields, terminal = scene.fields, scene.kind == CellType.BOUTON
    fine = (fields["coarse"], fields["fine"])
    draw_ground(canvas, params, scene.shade, fields["coarse"], streams)
    pores = (fields["pore_1"], fields["pore_2"])
    draw_nuclei(canvas, (scene.trunks, trunks), scene.nucleus_nm, params, fine, pores)
    draw_contents(canvas, params, Contents(scene.kind, scene.axis, scene.golgi, fields, scene.keys))
    draw_membranes(canvas, params)
    draw_densities(canvas, params, fields["patch"], terminal)
    draw_t_bars(canvas, params, (fields["t_bar_1"], fields["t_bar_2"]), terminal)
    draw_myelin(canvas, trunks, scene.sheath_nm, params, (fields["coarse"], fields["tubule_patch"], fields["wander_1"]))
    draw_bodies(canvas, inclusions, scene.body, scene.looks, params, fine, scene.keys["inner"])
    mitochondria = Mitochondria(scene.inclusions, scene.instance, scene.looks)
    draw_mitochondria(canvas, inclusions, mitochondria, params, fields["texture"], scene.keys["matrix"])
    return Section(_instances(scene, inclusions), canvas.density, canvas.compartments)


def _lay_out(
    scene: Scene, params: Mapping[str, float], grid: Grid, z_nm: float, compartments: bool
) -> tuple[Canvas, TubeMap, TubeMap]:
    """Cut cells, trunks and inclusions, and bend the membranes around the last two."""
    canvas = cut_cells(scene.cells, grid, z_nm, compartments)
    smooth = np.zeros(len(scene.trunks), np.float32)
    trunks = cut_tubes(scene.trunks, grid, z_nm, 120.0, np.zeros(grid.shape, np.float32), smooth)
    push(canvas, trunks, scene.trunk_cell, params["cells.gap_nm"] / 2)
    trunks = trunks.nearest_only()
    ripple = canvas.on_section(scene.fields["ripple"])
    roughness = np.where(scene.body < 0, params["mitochondria.roughness"], roughness_of_bodies(scene.body))
    roughness = roughness * scene.inclusions.radii.mean(axis=1)
    room = _clearance(canvas, params, scene.fields["coarse"])
    room += np.float32(params["cells.gap_nm"] / 2)
    reach = max(120.0, float(room.max()) + 60)
    inclusions = cut_tubes(scene.inclusions, grid, z_nm, reach, ripple, roughness.astype(np.float32))
    push(canvas, inclusions, scene.host, room)
    np.greater(inclusions.distance, 12, out=canvas.free)
    return replace(canvas, room=inclusions.distance), trunks, inclusions


def _clearance(canvas: Canvas, params: Mapping[str, float], field: Waves) -> FloatArray:
    """Cytoplasm (Y, X) in nm that is kept around mitochondria: here more, there less, or cells would be haloes."""
    uneven = np.exp(np.float32(params["mitochondria.clearance_spread"]) * canvas.on_section(field))
    clearance: FloatArray = np.minimum(np.float32(params["mitochondria.clearance_nm"]) * uneven, np.float32(200))
    return clearance


def _instances(scene: Scene, inclusions: TubeMap) -> NDArray[np.int32]:
    within = inclusions.distance < 0
    label = np.zeros(within.shape, np.int32)
    label[within] = scene.instance[inclusions.nearest[within]]
    return label
