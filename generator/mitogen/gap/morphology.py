"""What labels add: grey levels across the boundary of mitochondria, sizes and shapes of their profiles, how many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from mitodata.sample import IGNORE
from mitogen.gap.appearance import mean_and_std

OUTSIDE_PX = 8
INSIDE_PX = 7
STEPS = (*range(-OUTSIDE_PX, 0), *range(1, INSIDE_PX + 1))
"""Distances to the boundary in pixels, negative outside; -1 and 1 are the pixels that touch it."""

RIM_PX = 3
"""Pixels inside the boundary that count as the rim: both membranes, and the space between, at 5 nm."""

_DEEP = len(STEPS)
_SIZES = (
    *("size.area_px", "size.major_px", "size.minor_px", "size.area_um2", "size.major_nm", "size.minor_nm"),
    *("size.aspect", "size.aspect_p90", "size.elongation"),
)


@dataclass(frozen=True, eq=False)
class Morphology:
    """What is labelled in one or several sections.

    Attributes:
        sections: how many.
        pixels: number of pixels whose truth is known.
        boundary: (16, 256) int64, grey histograms of the pixels at each of `STEPS`, and in the last row of those deeper
            inside.
        shapes: (N, 3) float64, one profile a row: area in px, major and minor axis in px.
        edges_nm: (N,) float64, the edge of a square pixel of the section of each profile.
        known_um2: area of the pixels whose truth is known.
    """

    sections: int
    pixels: int
    boundary: NDArray[np.int64]
    shapes: NDArray[np.float64]
    edges_nm: NDArray[np.float64]
    known_um2: float

    def values(self) -> dict[str, float | None]:
        """Return the statistics by the names they have in `mitogen.gap.comparison`; None where there is none."""
        rim = self.boundary[OUTSIDE_PX : OUTSIDE_PX + RIM_PX].sum(axis=0)
        whole = self.boundary[OUTSIDE_PX:].sum(axis=0)
        profile = {profile_name(step): _grey(self.boundary[row])[0] for row, step in enumerate(STEPS)}
        return {
            "mito.area_fraction": float(whole.sum() / self.pixels) if self.pixels else None,
            "mito.grey": _grey(whole)[0],
            "mito.grey_std": _grey(whole)[1],
            "mito.rim_grey": _grey(rim)[0],
            "mito.inside_grey": _grey(self.boundary[_DEEP])[0],
            "mito.inside_std": _grey(self.boundary[_DEEP])[1],
            **profile,
            **_shape_values(self.shapes, self.edges_nm),
            "number.per_section": len(self.shapes) / self.sections if self.sections else None,
            "number.per_um2": len(self.shapes) / self.known_um2 if self.pixels else None,
        }


def outline(
    raw: NDArray[np.uint8], label: NDArray[np.integer], mask: NDArray[np.uint8], pixel_nm: tuple[float, float]
) -> Morphology:
    """Measure one section; `raw`, `label` and `mask` are (Y, X), as in `mitodata.Sample`, `pixel_nm` is (y, x)."""
    known = mask != IGNORE
    pixels, shapes = int(np.count_nonzero(known)), profile_shapes(np.where(known, label, 0))
    pixel_nm2 = pixel_nm[0] * pixel_nm[1]
    return Morphology(
        sections=1,
        pixels=pixels,
        boundary=boundary_histograms(raw, mask),
        shapes=shapes,
        edges_nm=np.full(len(shapes), np.sqrt(pixel_nm2)),
        known_um2=pixels * pixel_nm2 / 1e6,
    )


def profile_name(step: int) -> str:
    """Name the statistic "grey at this distance", one of `STEPS`, from the boundary."""
    return f"profile.out{-step}" if step < 0 else f"profile.in{step}"


def pool_morphologies(each: Sequence[Morphology]) -> Morphology:
    """Put single sections (at least one) together, whose pixel sizes may differ."""
    return Morphology(
        sections=sum(one.sections for one in each),
        pixels=sum(one.pixels for one in each),
        boundary=np.sum([one.boundary for one in each], axis=0),
        shapes=np.concatenate([one.shapes for one in each]),
        edges_nm=np.concatenate([one.edges_nm for one in each]),
        known_um2=sum(one.known_um2 for one in each),
    )


def boundary_histograms(raw: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count grey levels at each distance from the boundary of mitochondria.

    The distance of a pixel is that of its centre to the nearest centre on the other side (exact Euclidean transform:
    Maurer et al., IEEE TPAMI 25(2), 2003), rounded; so 1 are the pixels that touch the boundary. The edge of the
    picture is no boundary, and ignored pixels are on neither side.

    Args:
        raw: (Y, X) uint8.
        mask: (Y, X) uint8: 0, 1, 255 = ignore.

    Returns:
        (16, 256) int64: a row for each of `STEPS`, and a last one for pixels more than 7 px inside.
    """
    inside, outside = mask == 1, mask == 0
    row = np.full(mask.shape, -1, np.int64)
    if inside.any():
        if outside.any():
            depth = np.rint(ndimage.distance_transform_edt(~outside)).astype(np.int64)
            row[inside] = OUTSIDE_PX - 1 + np.minimum(depth[inside], INSIDE_PX + 1)
            distance = np.rint(ndimage.distance_transform_edt(~inside)).astype(np.int64)
            near = outside & (distance <= OUTSIDE_PX)
            row[near] = OUTSIDE_PX - distance[near]
        else:
            row[inside] = _DEEP
    counted = row >= 0
    counts = np.bincount(row[counted] * 256 + raw[counted], minlength=(_DEEP + 1) * 256)
    return counts.reshape(_DEEP + 1, 256).astype(np.int64)


def profile_shapes(label: NDArray[np.integer]) -> NDArray[np.float64]:
    """Measure the profiles in a section: the connected pieces (8 neighbours) of each instance.

    Axes are those of the ellipse with the same second moments, a pixel being a square and not a point (Haralick and
    Shapiro, Computer and Robot Vision I, 1992, appendix A).

    Args:
        label: (Y, X) integers, 0 = background.

    Returns:
        (N, 3) float64: area in px, major and minor axis in px. Those cut by the edge of the picture are included.
    """
    pieces = measure.label(label, background=0, connectivity=2)
    y, x = np.nonzero(pieces)
    piece = pieces[y, x] - 1
    count = int(pieces.max(initial=0))
    area = np.bincount(piece, minlength=count).astype(np.float64)
    dy = y - (np.bincount(piece, y, count) / area)[piece]
    dx = x - (np.bincount(piece, x, count) / area)[piece]
    yy, xx = (np.bincount(piece, d * d, count) / area + 1 / 12 for d in (dy, dx))
    yx = np.bincount(piece, dy * dx, count) / area
    half, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    return np.stack([area, 4 * np.sqrt(half + spread), 4 * np.sqrt(np.maximum(half - spread, 1 / 12))], axis=1)


def _shape_values(shapes: NDArray[np.float64], edges_nm: NDArray[np.float64]) -> dict[str, float | None]:
    if not len(shapes):
        return dict.fromkeys(_SIZES)
    units = np.stack([edges_nm**2 / 1e6, edges_nm, edges_nm], axis=1)
    sizes = (float(median) for each in (shapes, shapes * units) for median in np.median(each, axis=0))
    aspect = shapes[:, 1] / shapes[:, 2]
    forms = (float(np.median(aspect)), float(np.quantile(aspect, 0.9)), float(np.mean(1 - 1 / aspect)))
    return dict(zip(_SIZES, (*sizes, *forms), strict=True))


def _grey(histogram: NDArray[np.int64]) -> tuple[float, float] | tuple[None, None]:
    return mean_and_std(histogram) if histogram.any() else (None, None)
