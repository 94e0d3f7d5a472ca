"""Sizes and shapes of mitochondria: real volumes, real sections, and the preset beside them.

`--real FOLDER` is a folder with `urocell/instance/*.nii.gz`, `epfl/training_groundtruth.tif` and
`vnc/stack1/mitochondria/*.png`; what is not there is left out of the tables.
"""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from skimage.io import imread
from skimage.measure import label, regionprops
from skimage.morphology import skeletonize

from machine import conditions
from mitogen.recipe.recipe import load_recipe
from mitogen.rendering.image import render
from pipeline import run_program
from steps import write_page

VOXEL_NM = 16.0
PIXEL_NM = 5.0
EACH = 40
"""Bodies of one volume that count: rendered volumes differ in size and number, and the smallest are the most."""
PERCENTILES = (5, 50, 95)


def main() -> None:
    """Parse, measure, write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", type=Path, default=Path(), metavar="FOLDER")
    parser.add_argument("--volumes", type=int, default=8, help="rendered volumes of 256 x 256 x 256 voxels")
    parser.add_argument("--sections", type=int, default=60, help="rendered sections of 512 x 512 pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/mitochondria-sizes.md"))
    arguments = parser.parse_args()
    solid = {"UroCell": urocell(arguments.real), "rendered": rendered(arguments.volumes, arguments.seed, (256,) * 3)}
    flat = {
        "EPFL": [plane for stack in epfl(arguments.real) for plane in stack],
        "VNC": list(vnc(arguments.real)),
        "rendered": [v[0] for v in rendered(arguments.sections, arguments.seed, (1, 512, 512))],
    }
    rows_3d = [volume_row(name, list(volumes)) for name, volumes in solid.items()]
    rows_2d = [section_row(name, planes) for name, planes in flat.items()]
    write_page(arguments.output, page(rows_3d, rows_2d, arguments.seed))
    print(arguments.output)


def urocell(folder: Path) -> Iterator[NDArray[np.integer]]:
    """Instance volumes of UroCell."""
    for path in sorted(folder.glob("urocell/instance/*.nii.gz")):
        yield np.asarray(nibabel.Nifti1Image.from_filename(path).dataobj).astype(np.int32)


def epfl(folder: Path) -> Iterator[NDArray[np.integer]]:
    """Every fourth section of the EPFL volume, its profiles numbered."""
    for path in folder.glob("epfl/training_groundtruth.tif"):
        yield np.array([label(plane > 127) for plane in imread(path)[::4]])


def vnc(folder: Path) -> Iterator[NDArray[np.integer]]:
    """Sections of VNC at a pixel size of 4.6 nm, their profiles numbered."""
    for path in sorted(folder.glob("vnc/stack1/mitochondria/*.png")):
        plane = imread(path)
        plane = plane if plane.ndim == 2 else plane[..., 0]
        yield label(plane > plane.max() / 2)


def rendered(count: int, seed: int, shape: tuple[int, int, int]) -> Iterator[NDArray[np.integer]]:
    """Labels of the preset: volumes at 16 nm, sections at 5 nm."""
    size = VOXEL_NM if shape[0] > 1 else PIXEL_NM
    recipe = load_recipe(overrides=[f"section.pixel_nm={size}", f"section.spacing_nm={size}"])
    for index in range(count):
        yield np.asarray(render(recipe, seed, index, shape).label)


def volume_row(name: str, volumes: list[NDArray[np.integer]]) -> str:
    """Measure the bodies that lie wholly within their volumes, at most `EACH` of one."""
    found = np.array([row for volume in volumes for row in islice(bodies(volume), EACH)])
    if len(found) == 0:
        return f"| {name} | 0 | | | | | |"
    cells = [percentiles(found[:, column], digits) for column, digits in ((0, 3), (1, 0), (2, 0), (3, 2))]
    return f"| {name} | {len(found)} | {' | '.join(cells)} | {100 * found[:, 4].mean():.0f} % |"


def bodies(volume: NDArray[np.integer]) -> Iterator[tuple[float, float, float, float, bool]]:
    """Volume in um3, length and radius in nm, narrowest over usual radius, and whether it is branched."""
    for region in regionprops(volume):
        touches = any(s.start == 0 or s.stop == n for s, n in zip(region.slice, volume.shape, strict=True))
        if touches or region.area < 200:
            continue
        solid = np.pad(region.image, 1)
        depth = distance_transform_edt(solid, sampling=VOXEL_NM)
        points = np.argwhere(skeletonize(solid))
        if len(points) == 0:  # what is left of some spheres
            points = np.argwhere(depth == depth.max())[:1]
        radius = depth[tuple(points.T)]
        line, length = longest_path(points)
        away, nearest = cKDTree(points[line]).query(points)
        branched = bool(np.any((away * VOXEL_NM > 1.8 * radius[line][nearest]) & (away * VOXEL_NM > 150)))
        # The ends of a skeleton lie under the surface; half a voxel makes up for the middle of a voxel's depth.
        usual = float(np.median(radius[line])) + VOXEL_NM / 2
        yield region.area * (VOXEL_NM / 1000) ** 3, length + usual, usual, radius[line].min() / usual, branched


def longest_path(points: NDArray[np.integer]) -> tuple[NDArray[np.intp], float]:
    """Indices along the longest shortest path through a skeleton (N, 3), and its length in nm."""
    pairs = cKDTree(points).query_pairs(1.8, output_type="ndarray")
    if len(pairs) == 0:
        return np.zeros(1, np.intp), 0.0
    weight = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1) * VOXEL_NM
    graph = coo_array((weight, pairs.T), shape=(len(points),) * 2).tocsr()
    start = int(np.argmax(finite(dijkstra(graph, directed=False, indices=[0])[0])))
    distances, predecessors = dijkstra(graph, directed=False, indices=[start], return_predecessors=True)
    distance, before = distances[0], predecessors[0]
    path = [int(np.argmax(finite(distance)))]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return np.array(path), float(finite(distance).max())


def finite(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances, -1 where there is no way."""
    return np.where(np.isfinite(distance), distance, -1.0)


def section_row(name: str, planes: list[NDArray[np.integer]]) -> str:
    """Measure the profiles in sections."""
    size = 4.6 if name == "VNC" else PIXEL_NM
    regions = [r for plane in planes for r in regionprops(plane) if r.area * size**2 > 2500]
    if not regions:
        return f"| {name} | 0 | | | | |"
    radius = np.array([np.sqrt(r.area / np.pi) * size for r in regions])
    minor = np.array([r.axis_minor_length * size for r in regions])
    aspect = np.array([r.axis_major_length for r in regions]) * size / minor
    solidity = np.array([r.solidity for r in regions])
    cells = (percentiles(radius, 0), percentiles(minor, 0), percentiles(aspect, 2), percentiles(solidity, 2))
    return f"| {name} | {len(regions)} | {' | '.join(cells)} |"


def percentiles(values: NDArray[np.float64], digits: int) -> str:
    """Median and, in brackets, the 5th and the 95th percentile."""
    low, middle, high = np.percentile(values, PERCENTILES)
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def page(rows_3d: list[str], rows_2d: list[str], seed: int) -> str:
    """The results as Markdown."""
    return "\n".join(
        (
            "# Sizes of mitochondria",
            "",
            "Medians, and in brackets the 5th and the 95th percentile. Written by `benchmarks/mitochondria_sizes.py`;",
            "rendered ones are those of the preset `mito`, which is meant to be wider than any one tissue.",
            "",
            "Whole bodies in volumes of 4 um edge (voxels of 16 nm): UroCell, mouse urothelium (Zerovnik Mekuc et al.,",
            "Computers in Biology and Medicine 119, 2020). Longer ones leave such volumes and are not counted.",
            "",
            "| volumes | bodies | volume, um3 | length, nm | radius, nm | narrowest / usual radius | branched |",
            "|---|---|---|---|---|---|---|",
            *rows_3d,
            "",
            "Profiles in sections: EPFL, mouse hippocampus, every fourth section (Lucchi et al., IEEE TMI 31, 2012),",
            "and VNC, Drosophila nerve cord (Gerhard et al., figshare 856713). Radius: that of a disc of",
            "the same area.",
            "",
            "| sections | profiles | radius, nm | minor axis, nm | aspect ratio | solidity |",
            "|---|---|---|---|---|---|",
            *rows_2d,
            "",
            conditions(seed),
            "",
        )
    )


if __name__ == "__main__":
    run_program(main)
