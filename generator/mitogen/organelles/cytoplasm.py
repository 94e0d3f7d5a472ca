"""What fills a cell around its mitochondria: granular ground, and to each kind of cell its own contents."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.random_fields import Waves, grain
from mitogen.organelles.filaments import draw_fibres, microtubules, neurofilaments
from mitogen.organelles.golgi import Stacks, draw_golgi
from mitogen.organelles.granules import Granule, draw_granules
from mitogen.organelles.reticulum import SINGLE, STACKED, SheetFields, draw_cisternae, draw_tubules
from mitogen.organelles.vesicles import draw_dense_cores, draw_loose_vesicles, draw_packed_vesicles
from mitogen.tissue.canvas import Canvas
from mitogen.tissue.cells import CellType
from mitogen.tissue.compartments import Compartment


@dataclass(frozen=True, eq=False)
class Contents:
    """What is laid out in the cells of a scene.

    Attributes:
        kind: (N,) int8 kind of each cell (see `cells.CellType`).
        axis: (N, 3) float32 direction along which each cell runs.
        golgi: the Golgi stacks.
        fields: smooth fields by name.
        keys: keys of lattices by name.
    """

    kind: NDArray[np.int8]
    axis: FloatArray
    golgi: Stacks
    fields: Mapping[str, Waves]
    keys: Mapping[str, int]


def draw_ground(
    canvas: Canvas, params: Mapping[str, float], shade: FloatArray, coarse: Waves, streams: StreamOf
) -> None:
    """Draw the granular ground of the cytoplasm: proteins and debris too small to have a shape.

    Args:
        canvas: its density and grain are changed in place.
        params: the image's params.
        shade: (N,) float32 density of each cell's cytoplasm.
        coarse: a field that makes the ground uneven.
        streams: the image's streams.
    """
    texture = _texture(canvas, params["cells.grain_nm"], streams)
    # Clumps of stain are dark on a clear ground: the grain is skewed towards dark.
    np.multiply(texture, texture, out=canvas.grain)
    canvas.grain[...] -= 1
    canvas.grain[...] *= np.float32(0.35)
    canvas.grain[...] += texture
    strength = np.tanh(canvas.on_section(coarse), out=texture)
    strength *= np.float32(0.5)
    strength += 1
    strength *= np.float32(params["cells.grain"])
    canvas.grain[...] *= strength
    np.add(shade[canvas.owner], canvas.grain, out=canvas.density)


def _texture(canvas: Canvas, grain_nm: float, streams: StreamOf) -> FloatArray:
    """Noise (Y, X) float32 of mean 0 and standard deviation 1, grains of which go on through neighbouring sections.

    Planes of independent noise lie one above the other, so far apart as the noise takes to forget itself within each;
    a section between two is a mixture of both that has the same variance.
    """
    size = grain_nm / canvas.grid.pixel_nm
    height = canvas.z_nm / max(2.5 * grain_nm, canvas.grid.pixel_nm)
    below = int(np.floor(height))
    angle = (height - below) * np.pi / 2
    texture = grain(streams(f"section/{below}"), canvas.grid.shape, size)
    if angle > 0:
        above = grain(streams(f"section/{below + 1}"), canvas.grid.shape, size)
        texture = np.float32(np.cos(angle)) * texture + np.float32(np.sin(angle)) * above
    return texture


def draw_contents(canvas: Canvas, params: Mapping[str, float], contents: Contents) -> None:
    """Draw what fills the cytoplasm, each kind of cell with its own."""
    kind, fields, keys = contents.kind, contents.fields, contents.keys
    wander = (fields["wander_1"], fields["wander_2"])
    running = _of(kind, CellType.PLAIN, CellType.DENDRITE, CellType.NEURITE, CellType.MYELINATED, CellType.DARK)
    draw_fibres(canvas, microtubules(params), contents.axis, running, wander, keys["microtubules"])
    bundled = _of(kind, CellType.DENDRITE, CellType.NEURITE, CellType.MYELINATED)
    draw_fibres(canvas, neurofilaments(params), contents.axis, bundled, wander, keys["filaments"])
    _draw_reticulum(canvas, params, contents)
    draw_golgi(canvas, contents.golgi, params, keys["golgi"])
    _draw_particles(canvas, params, contents)
    pixel_kind = kind[canvas.owner]
    terminal = pixel_kind == CellType.BOUTON
    draw_packed_vesicles(canvas, params, fields["cluster"], terminal, keys["vesicles"])
    neurite = terminal | (pixel_kind == CellType.PLAIN) | (pixel_kind == CellType.DENDRITE)
    draw_loose_vesicles(canvas, params, fields["coarse"], neurite | (pixel_kind == CellType.NEURITE), keys["sparse"])
    draw_dense_cores(canvas, params, neurite, keys["dense"])


def _draw_reticulum(canvas: Canvas, params: Mapping[str, float], contents: Contents) -> None:
    kind, fields = contents.kind, contents.fields
    habit = np.where(_of(kind, CellType.SOMA), STACKED, 0) + np.where(
        _of(kind, CellType.PLAIN, CellType.DENDRITE, CellType.NEURITE, CellType.GLIA, CellType.DARK), SINGLE, 0
    )
    sheets = SheetFields(fields["sheets"], fields["sheet_patch"], fields["coarse"], fields["wander_1"])
    studded = draw_cisternae(canvas, params, sheets, habit.astype(np.uint8))
    draw_granules(canvas, _ribosome(params, 32.0, 0.85), studded, contents.keys["studs"], Compartment.RIBOSOME)
    holds = _of(kind, CellType.PLAIN, CellType.DENDRITE, CellType.NEURITE, CellType.SOMA)
    draw_tubules(canvas, params, (fields["tubule_1"], fields["tubule_2"], fields["tubule_patch"]), holds)


def _draw_particles(canvas: Canvas, params: Mapping[str, float], contents: Contents) -> None:
    """Draw polysomes in cell bodies, glia, dark cells and patches of neurites, and glycogen in glia."""
    coarse, fine = canvas.on_section(contents.fields["coarse"]), canvas.on_section(contents.fields["fine"])
    rich = _of(contents.kind, CellType.SOMA, CellType.GLIA, CellType.DARK)[canvas.owner]
    where = (rich | (coarse > 0.8)) & (fine > -0.2)
    dots = _ribosome(params, 34.0, params["ribosomes.occupancy"])
    draw_granules(canvas, dots, where, contents.keys["ribosomes"], Compartment.RIBOSOME)
    rosette = Granule(
        params["glycogen.radius_nm"], 0.35, 0.0, 0.0, params["glycogen.density"], 48.0, params["glycogen.occupancy"]
    )
    glia = _of(contents.kind, CellType.GLIA)[canvas.owner] & (coarse < 0.6)
    draw_granules(canvas, rosette, glia, contents.keys["glycogen"], Compartment.GLYCOGEN)


def _ribosome(params: Mapping[str, float], spacing_nm: float, occupancy: float) -> Granule:
    return Granule(params["ribosomes.radius_nm"], 0.2, 0.0, 0.0, params["ribosomes.density"], spacing_nm, occupancy)


def _of(kind: NDArray[np.int8], *kinds: CellType) -> NDArray[np.bool_]:
    """Which cells (N,) are of one of these kinds."""
    chosen = np.zeros(len(CellType), np.bool_)
    chosen[list(kinds)] = True
    return chosen[kind]
