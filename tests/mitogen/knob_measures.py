"""What the tests of knobs measure in a view: numbers of which a knob should make more or less."""

from collections.abc import Callable, Iterable

import numpy as np
from knob_views import SIZE, View
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.ndimage import label as components
from skimage.measure import regionprops

from mitogen.tissue.cell_types import CellType
from mitogen.tissue.compartments import Compartment

Measure = Callable[[View], float]


def over(found: Iterable[float], statistic: Callable[[np.ndarray], float] = np.mean) -> float:
    """A statistic of numbers, NaN if there are none."""
    numbers = np.array(list(found), float)
    return float(statistic(numbers)) if numbers.size else np.nan


def top(percent: float) -> Callable[[np.ndarray], float]:
    return lambda found: over(found, lambda numbers: np.percentile(numbers, percent))


# --- of compartments


def share(*compartments: Compartment) -> Measure:
    return lambda v: float(v.at(*compartments).mean())


def mean(*compartments: Compartment) -> Measure:
    return lambda v: over(v.stain(*compartments))


def spread(*compartments: Compartment) -> Measure:
    return lambda v: over(v.stain(*compartments), np.std)


def grown(compartment: Compartment) -> Measure:
    """Radius of the largest ball in the pieces of a compartment, mean over the pieces."""

    def measure(v: View) -> float:
        pieces, count = components(v.at(compartment))
        depth = distance_transform_edt(v.at(compartment))
        return over(depth[pieces == n].max() for n in range(1, count + 1))

    return measure


def pieces(compartment: Compartment) -> Measure:
    return lambda v: float(components(v.at(compartment), np.ones((3, 3)))[1])


# --- of cells


def cells_seen(v: View) -> float:
    return float(len(np.unique(v.owner)))


def of_cells(measure: Callable[[object], float]) -> Measure:
    return lambda v: over(measure(r) for r in regionprops(v.owner + 1) if r.area > 150)


slimness = of_cells(lambda r: r.axis_major_length / max(r.axis_minor_length, 1))
solidity = of_cells(lambda r: r.solidity)


def border(v: View) -> float:
    return float(np.mean(v.owner[1:] != v.owner[:-1]) + np.mean(v.owner[:, 1:] != v.owner[:, :-1]))


def scatter_of_shade(v: View) -> float:
    """Scatter from cell to cell of the cytoplasm's stain."""
    plain = v.at(Compartment.CYTOPLASM)
    found = [np.median(v.section.density[plain & (v.owner == n)]) for n in np.unique(v.owner[plain])]
    return float(np.std(found))


def kin(v: View) -> float:
    """Correlation of neighbouring pixels of plain cytoplasm."""
    a, b = v.section.density[:, :-1], v.section.density[:, 1:]
    both = v.at(Compartment.CYTOPLASM)[:, :-1] & v.at(Compartment.CYTOPLASM)[:, 1:]
    return float(np.corrcoef(a[both], b[both])[0, 1])


def darker(limit: float, *compartments: Compartment) -> Measure:
    """Share of pixels of these compartments that are darker than a limit."""
    return lambda v: over(v.stain(*compartments) > limit)


def trunk_radius(cell_type: CellType) -> Measure:
    """Mean radius of the trunks of one type."""

    def measure(v: View) -> float:
        trunks = v.scene.layout.trunks
        return float(trunks.tubes.radii[trunks.cell_types == cell_type].mean())

    return measure


# --- of mitochondria


def cover(v: View) -> float:
    return float(np.mean(v.section.label > 0))


def thick(v: View) -> float:
    """Greatest distance from the outline within each profile in nm, mean."""
    depth = distance_transform_edt(v.section.label > 0)
    return over(depth[v.section.label == r.label].max() * v.grid.pixel_nm for r in v.profiles)


def tubes(measure: Callable[[np.ndarray, np.ndarray], float]) -> Measure:
    """Of the middle lines (T, S, 3) and radii (T, S) of all mitochondria of the scene."""
    return lambda v: float(measure(v.tubes.nodes[v.mitochondria].astype(float), v.tubes.radii[v.mitochondria]))


def lengths(nodes: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.diff(nodes, axis=1), axis=2).sum(axis=1)


def straightness(nodes: np.ndarray, radii: np.ndarray) -> float:
    long = lengths(nodes) > 4 * radii.mean(axis=1)
    return float(np.mean(np.linalg.norm(nodes[long, -1] - nodes[long, 0], axis=1) / lengths(nodes)[long]))


def narrowest(nodes: np.ndarray, radii: np.ndarray) -> float:
    """Least over greatest radius, mean."""
    return float(np.mean(radii.min(axis=1) / radii.max(axis=1)))


def nearest(nodes: np.ndarray, radii: np.ndarray) -> float:
    """Median gap between a mitochondrion and the next one, from node to node."""
    points, r = nodes.reshape(-1, 3), radii.reshape(-1)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) - r[:, None] - r[None]
    of = np.repeat(np.arange(len(nodes)), nodes.shape[1])
    apart[of[:, None] == of[None]] = np.inf
    return float(np.median([apart[of == n].min() for n in range(len(nodes))]))


def roughness(v: View) -> float:
    return over(r.perimeter**2 / r.area for r in v.profiles)


def halo(v: View) -> np.ndarray:
    """Distance (N,) in nm from pixels just outside mitochondria to the nearest plasma membrane."""
    inside = v.section.label > 0
    apart = distance_transform_edt(~v.at(Compartment.PLASMA_MEMBRANE)) * v.grid.pixel_nm
    return apart[inside ^ binary_dilation(inside)]


def branches(v: View) -> float:
    return len(v.mitochondria) / len(np.unique(v.scene.inclusions.instance[v.mitochondria]))


def of_each(measure: Callable[[np.ndarray], float], compartment: Compartment) -> Callable[[View], list[float]]:
    """A measure of the stain of one compartment, for each profile."""

    def found(v: View) -> list[float]:
        inside = [v.section.density[(v.section.label == r.label) & v.at(compartment)] for r in v.profiles]
        return [measure(stain) for stain in inside if stain.size > 20]

    return found


def cristae(measure: Callable[[object], float], statistic: Callable[[np.ndarray], float] = np.mean) -> Measure:
    """Of the pieces of cristae that are large enough to have a shape."""

    def found(v: View) -> float:
        regions = regionprops(components(v.at(Compartment.CRISTA))[0])
        return over((measure(r) for r in regions if r.area >= 12), statistic)

    return found


def crista_width(v: View) -> float:
    return over(distance_transform_edt(v.at(Compartment.CRISTA))[v.at(Compartment.CRISTA)])


def deep(v: View) -> np.ndarray:
    """Pixels (Y, X) more than 45 nm below the outline of mitochondria."""
    return distance_transform_edt(v.section.label > 0) * v.grid.pixel_nm > 45


def inside(v: View) -> np.ndarray:
    return v.section.density[deep(v)]


def layered(v: View) -> float:
    """How much the share of cristae changes with the distance from the outline."""
    depth = distance_transform_edt(np.pad(v.section.label > 0, 1, mode="edge"))[1:-1, 1:-1].astype(int)
    shares = (v.at(Compartment.CRISTA)[depth == d].mean() for d in range(8, depth.max()) if np.sum(depth == d) > 40)
    return over(shares, np.std)


def mixture(v: View) -> float:
    """Scatter of the shapes of cristae within profiles, mean over the profiles."""
    found = []
    for r in v.profiles:
        here = components(v.at(Compartment.CRISTA) & (v.section.label == r.label))[0]
        shapes = [piece.eccentricity for piece in regionprops(here) if piece.area > 8]
        found += [np.std(shapes)] if len(shapes) > 2 else []
    return over(found)


def standing(v: View) -> float:
    """How far synaptic material reaches from the plasma membrane in nm."""
    apart = distance_transform_edt(~v.at(Compartment.PLASMA_MEMBRANE)) * v.grid.pixel_nm
    return over(apart[v.at(Compartment.SYNAPSE)], np.max)


# --- of tissue other than brain


def bands(v: View) -> float:
    """How often the stain of fibrils changes between dark and pale, along rows and columns."""
    dark = v.section.density > np.median(v.stain(Compartment.MYOFIBRIL))
    return float(np.mean(dark[1:] != dark[:-1]) + np.mean(dark[:, 1:] != dark[:, :-1]))


def pale(v: View) -> float:
    """Share of the cytoplasm that is hardly stained: lumens of tubules."""
    return over(v.stain(Compartment.CYTOPLASM) < 0.06)


def longest(v: View) -> float:
    """Mean length of the middle lines of packed mitochondria in nm."""
    return float(np.median(lengths(v.tubes.nodes[v.mitochondria].astype(float))))


def misplaced(v: View) -> float:
    """How unequal they are in length."""
    return float(np.std(lengths(v.tubes.nodes[v.mitochondria].astype(float))))


def apart(v: View) -> float:
    """Share of what lies outside mitochondria."""
    return 1 - cover(v)


def hollow(v: View) -> float:
    """Share of the hull of a profile that is not in it, mean."""
    return over(1 - r.solidity for r in v.profiles if r.area > 200)


def lean(v: View) -> float:
    """How much the lines across fibres lean over."""
    axes = v.scene.layout.packed.frame.axes
    return float(abs(axes[0] @ axes[1]))


def between(v: View) -> float:
    """Distance of each profile from the nearest other one in nm, median."""
    label = v.section.label
    found = []
    for r in v.profiles:
        others = (label > 0) & (label != r.label)
        if others.any():
            found.append(distance_transform_edt(~others)[label == r.label].min() * v.grid.pixel_nm)
    return over(found, np.median)


def packed_count(v: View) -> float:
    return float(len(v.profiles))


def wrapped_close(v: View) -> float:
    """Share of the reticulum within 60 nm of a mitochondrion."""
    away = distance_transform_edt(v.section.label == 0) * v.grid.pixel_nm
    return over(away[v.at(Compartment.RETICULUM)] < 60)


def endothelium(v: View) -> float:
    """Share of the cytoplasm that belongs to the walls of vessels."""
    space, _ = v.scene.layout.cut(v.grid, 0.0)
    return float(np.mean(v.scene.layout.cells.types[space.owner] == CellType.ENDOTHELIUM))


def debris(v: View) -> float:
    space, _ = v.scene.layout.cut(v.grid, 0.0)
    return float(np.mean(v.scene.layout.cells.types[space.owner] == CellType.BLEB))


def membranes(v: View) -> float:
    """Length of plasma membranes, from the pixels on either side of which there is another cell."""
    space, _ = v.scene.layout.cut(v.grid, 0.0)
    owner = space.owner
    return float(np.mean(owner[1:] != owner[:-1]) + np.mean(owner[:, 1:] != owner[:, :-1]))


def roundness(v: View) -> float:
    """How little the radius of nuclei changes along them."""
    radii = v.scene.layout.trunks.tubes.radii
    return float(-np.mean(radii.std(axis=1) / radii.mean(axis=1)))


# --- of pictures


def rough(v: View) -> float:
    return float(np.abs(np.diff(v.section.density, axis=1)).mean())


def steps(compartment: Compartment) -> Measure:
    """Mean difference of neighbouring pixels within a compartment."""

    def found(v: View) -> float:
        both = v.at(compartment)[:, 1:] & v.at(compartment)[:, :-1]
        return over(np.abs(np.diff(v.section.density, axis=1))[both])

    return found


def coherence(v: View) -> float:
    """How much all gradients agree in one direction, 0-1."""
    return _agreement(v, np.ones((SIZE, SIZE), bool))


def ordered(v: View) -> float:
    """How much the gradients within mitochondria agree in one direction, 0-1: parallel cristae do."""
    return over(_agreement(v, (v.section.label == r.label) & deep(v)) for r in v.profiles if r.area > 400)


def _agreement(v: View, where: np.ndarray) -> float:
    y, x = (slope[where] for slope in np.gradient(v.section.density.astype(float)))
    return float(np.hypot((y * y).mean() - (x * x).mean(), 2 * (x * y).mean()) / (y * y + x * x).mean())


def grey(measure: Callable[[np.ndarray], float], density: float | None = None) -> Measure:
    """Of the image of the section, or of one of an even density."""

    def found(v: View) -> float:
        flat = None if density is None else np.full((SIZE, SIZE), density, np.float32)
        return float(measure(v.raw if flat is None else v.photo(flat)))

    return found


def step_x(g: np.ndarray) -> float:
    return float(np.abs(np.diff(g, axis=1)).mean())


def step_y(g: np.ndarray) -> float:
    return float(np.abs(np.diff(g, axis=0)).mean())


def coarse(g: np.ndarray) -> np.ndarray:
    """Means of blocks of 16 px."""
    return g.reshape(SIZE // 16, 16, SIZE // 16, 16).mean(axis=(1, 3))


def local_contrast(g: np.ndarray) -> float:
    """Scatter from place to place of the contrast."""
    return float(np.std(np.sqrt(coarse((g - g.mean()) ** 2))))


def blocks_of_8(g: np.ndarray) -> float:
    steps = np.abs(np.diff(g, axis=1)).mean(axis=0)
    return float(steps[7::8].mean() / steps.mean())
