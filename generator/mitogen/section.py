"""Cut the scene at one height: the instances on that plane, and the stain that the section's thickness holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.canvas import Canvas
from mitogen.fields import Waves, grain
from mitogen.grid import FloatArray, Grid
from mitogen.organelles.bodies import draw_bodies
from mitogen.organelles.filaments import draw_filaments
from mitogen.organelles.mitochondria import Mitochondria, draw_mitochondria
from mitogen.organelles.reticulum import draw_cisternae, draw_tubules
from mitogen.organelles.sheaths import draw_myelin, draw_nuclei
from mitogen.organelles.synapse import draw_densities
from mitogen.organelles.vesicles import Granule, draw_granules
from mitogen.parts import Part
from mitogen.scene import Scene
from mitogen.shapes import TubeMap, cut_tubes
from mitogen.tissue import Kind, cut_cells, draw_membranes, push


@dataclass(frozen=True, eq=False)
class Section:
    """What one section holds, before it is imaged; every array (Y, X).

    Attributes:
        label: int32 instances, 0 = background. An instance covers the pixels whose centres lie within the outer face of
            its outer membrane, in the middle of the section.
        density: float32 stain: 0 is clear resin, 1 the darkest membrane.
        parts: uint8 compartments (see `parts.Part`) in the middle of the section; of size 0 if not asked for.
    """

    label: NDArray[np.int32]
    density: FloatArray
    parts: NDArray[np.uint8]


def cut(
    scene: Scene,
    drawn: Mapping[str, float],
    grid: Grid,
    z_nm: float,
    rng: np.random.Generator,
    parts: bool = False,
) -> Section:
    """Cut the scene with the section whose middle is at `z_nm`.

    Args:
        scene: what to cut.
        drawn: the image's numbers.
        grid: the pixels.
        z_nm: height of the section's middle in nm.
        rng: for the grain of the cytoplasm, which is a section's own.
        parts: whether the map of compartments is wanted.
    """
    canvas = cut_cells(scene.cells, grid, z_nm, parts)
    flat = np.zeros(grid.shape, np.float32)
    trunks = cut_tubes(scene.trunks, grid, z_nm, 120.0, flat, np.zeros(len(scene.trunks), np.float32))
    push(canvas, trunks, scene.trunk_cell, drawn["cells.gap_nm"] / 2)
    ripple = canvas.on_section(scene.fields["ripple"])
    roughness = np.where(scene.body < 0, drawn["mitochondria.roughness"], 0.05) * scene.inclusions.radii.mean(axis=1)
    room = _clearance(canvas, drawn, scene.fields["coarse"]) + np.float32(drawn["cells.gap_nm"] / 2)
    reach = max(120.0, float(room.max()) + 60)
    inclusions = cut_tubes(scene.inclusions, grid, z_nm, reach, ripple, roughness.astype(np.float32))
    push(canvas, inclusions, scene.host, room)

    canvas.free[...] = inclusions.distance > 12
    _draw_cytoplasm(canvas, scene, drawn, rng)
    draw_nuclei(canvas, trunks, scene.nucleus_nm, drawn, (scene.fields["coarse"], scene.fields["fine"]))
    _draw_organelles(canvas, scene, drawn)
    draw_membranes(canvas, drawn)
    draw_densities(canvas, drawn, scene.fields["patch"], scene.kind == Kind.BOUTON)
    draw_myelin(canvas, trunks, scene.sheath_nm, drawn, scene.fields["coarse"])
    fine = (scene.fields["coarse"], scene.fields["fine"])
    draw_bodies(canvas, inclusions, scene.body, scene.looks, drawn, fine, scene.keys["inner"])
    mitochondria = Mitochondria(scene.inclusions, scene.instance, scene.looks)
    draw_mitochondria(canvas, inclusions, mitochondria, drawn, scene.fields["texture"], scene.keys["matrix"])
    return Section(_instances(scene, inclusions), canvas.density, canvas.parts)


def _clearance(canvas: Canvas, drawn: Mapping[str, float], field: Waves) -> FloatArray:
    """Cytoplasm (Y, X) in nm that is kept around mitochondria: here more, there less, or cells would be haloes."""
    uneven = np.exp(np.float32(drawn["mitochondria.clearance_spread"]) * canvas.on_section(field))
    clearance: FloatArray = np.minimum(np.float32(drawn["mitochondria.clearance_nm"]) * uneven, np.float32(200))
    return clearance


def _instances(scene: Scene, inclusions: TubeMap) -> NDArray[np.int32]:
    within = inclusions.distance < 0
    label = np.zeros(within.shape, np.int32)
    label[within] = scene.instance[inclusions.nearest[within]]
    return label


def _draw_cytoplasm(canvas: Canvas, scene: Scene, drawn: Mapping[str, float], rng: np.random.Generator) -> None:
    """Draw the granular ground of the cytoplasm: proteins, ribosomes and debris too small to have a shape."""
    size = drawn["cells.grain_nm"] / canvas.grid.pixel_nm
    texture = grain(rng, canvas.grid.shape, size)
    coarse = canvas.on_section(scene.fields["coarse"])
    strength = np.float32(drawn["cells.grain"]) * (1 + 0.5 * np.tanh(coarse))
    # Clumps of stain are dark on a clear ground: the grain is skewed towards dark.
    canvas.grain[...] = strength * (texture + np.float32(0.35) * (texture * texture - 1))
    canvas.density[...] = scene.shade[canvas.owner] + canvas.grain


def _draw_organelles(canvas: Canvas, scene: Scene, drawn: Mapping[str, float]) -> None:
    """Draw what fills the cytoplasm, each kind of cell with its own."""
    kind = scene.kind[canvas.owner]
    fields, keys = scene.fields, scene.keys
    bouton = kind == Kind.BOUTON
    plain = (kind == Kind.PLAIN) | (kind == Kind.DENDRITE)
    fibrous = (kind == Kind.DENDRITE) | ((kind == Kind.NEURITE) | (kind == Kind.MYELINATED))
    soma = kind == Kind.SOMA
    draw_filaments(canvas, drawn, scene.axis, (fields["wander_1"], fields["wander_2"]), fibrous, keys["filaments"])
    draw_cisternae(canvas, drawn, (fields["sheets"], fields["sheet_patch"]), plain | soma | (kind == Kind.GLIA))
    draw_tubules(canvas, drawn, (fields["tubule_1"], fields["tubule_2"]), plain | soma | (kind == Kind.NEURITE))
    membrane = drawn["cells.membrane_density"]
    dots = Granule(
        drawn["ribosomes.radius_nm"], 0.3, 0.0, 0.0, drawn["ribosomes.density"], 42.0, drawn["ribosomes.occupancy"]
    )
    draw_granules(
        canvas,
        dots,
        soma | (kind == Kind.GLIA) | (kind == Kind.DARK) | (canvas.on_section(fields["coarse"]) > 0.8),
        keys["ribosomes"],
        Part.RIBOSOME,
    )
    cluster = canvas.on_section(fields["cluster"])
    stain = membrane * drawn["boutons.vesicle_stain"]
    radius = drawn["boutons.vesicle_radius_nm"]
    vesicle = Granule(
        radius, 0.15, drawn["boutons.vesicle_shell_nm"], stain, drawn["boutons.vesicle_lumen"],
        2 * radius * drawn["boutons.vesicle_spacing"], drawn["boutons.vesicle_occupancy"],
    )  # fmt: skip
    packed = bouton & (cluster > drawn["boutons.cluster_level"])
    # The matrix between packed vesicles is denser than free cytoplasm.
    canvas.density[packed & canvas.free] += np.float32(drawn["boutons.matrix_darkness"])
    draw_granules(canvas, vesicle, packed, keys["vesicles"], Part.VESICLE)
    loose = Granule(
        radius * 1.1,
        0.4,
        drawn["boutons.vesicle_shell_nm"],
        stain,
        drawn["boutons.vesicle_lumen"],
        110.0,
        drawn["cells.loose_vesicles"],
    )
    draw_granules(canvas, loose, (plain | bouton | (kind == Kind.NEURITE)), keys["sparse"], Part.VESICLE)
    core = Granule(
        drawn["dense_core.radius_nm"],
        0.2,
        6.0,
        membrane * 0.7,
        drawn["dense_core.density"],
        160.0,
        drawn["dense_core.occupancy"],
    )
    draw_granules(canvas, core, (plain | bouton), keys["dense"], Part.DENSE_CORE_VESICLE)
