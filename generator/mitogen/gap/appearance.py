"""What images look like, measured without labels: grey levels, noise, power spectrum, dark lines.

Everything here takes plain grey images. Nothing that is built on this module alone can see a label, which is what a
search for recipes that match *unlabelled* tissue needs; import-linter holds it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from skimage.filters import threshold_otsu

from mitodata.errors import DataError

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

BANDS: Mapping[str, tuple[float, float]] = {"low": (0.005, 0.05), "middle": (0.05, 0.195), "high": (0.195, 0.46)}
"""Bands of spatial frequency in cycles per pixel: what cells, organelles, and noise and focus decide."""

SMALLEST_PX = 16
"""Edge of the smallest image that says anything about any of this."""

LINE_SIGMA_PX = 2.0
LINE_THRESHOLD = 0.9
"""Scale of the line detector, and its threshold relative to Otsu's: with these, 23 % of EPFL are lines (see docs)."""

_FLATTEST = 0.05  # grey levels per px^2: curvature below this is rounding, not structure
_EMPTIEST = 1e-9  # power below this is rounding too
_FEWEST_ANNULI = 3
_PLOTTED = np.geomspace(0.004, 0.5, 49)

Image = NDArray[np.uint8]
Spectrum = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Appearance:
    """What one or several images look like.

    Attributes:
        images: how many were looked at.
        histogram: (256,) int64, number of pixels of each grey level.
        noise_sigma: standard deviation of the noise in grey levels, mean over images.
        slopes: of the power spectrum in each of `BANDS`, mean over images; None where no image is large enough, or all
            are constant.
        frequency: (K,) float64, cycles per pixel, rising, at most 0.5.
        power: (K,) float64, power spectral density in grey levels^2 px^2.
        weight: (K,) float64, number of Fourier coefficients behind each value of `power`.
        line_share: share of the area that is dark lines (see `find_lines`), mean over images.
        line_grey: their mean grey level; None if there are none.
        line_width_px: their mean width; None if there are none.
    """

    images: int
    histogram: NDArray[np.int64]
    noise_sigma: float
    slopes: Mapping[str, float | None]
    frequency: NDArray[np.float64]
    power: NDArray[np.float64]
    weight: NDArray[np.float64]
    line_share: float
    line_grey: float | None
    line_width_px: float | None

    def values(self) -> dict[str, float | None]:
        """Return the statistics by the names they have in `mitogen.gap.comparison`; None where there is none."""
        mean, std = mean_and_std(self.histogram)
        return {
            "grey.mean": mean,
            "grey.std": std,
            **{f"grey.p{p:02d}": level for p, level in zip(PERCENTILES, percentiles(self.histogram), strict=True)},
            "noise.sigma": self.noise_sigma,
            **{f"spectrum.{band}": slope for band, slope in self.slopes.items()},
            "membrane.share": self.line_share,
            "membrane.grey": self.line_grey,
            "membrane.width_px": self.line_width_px,
        }


def appearance_of(images: Iterable[Image]) -> Appearance:
    """Look at (Y, X) uint8 images, one after the other.

    Raises:
        DataError: there are none, or one is smaller than 16 x 16 pixels.
    """
    return pool_appearances([look_at(image) for image in images])


def look_at(image: Image) -> Appearance:
    """Measure one (Y, X) uint8 image.

    Raises:
        DataError: it is smaller than 16 x 16 pixels.
    """
    if image.ndim != 2 or min(image.shape) < SMALLEST_PX:
        size = " x ".join(map(str, image.shape))
        raise DataError(f"image of {size} pixels; expected at least {SMALLEST_PX} x {SMALLEST_PX}")
    spectrum = radial_spectrum(image)
    lines = find_lines(image)
    area, outline = int(np.count_nonzero(lines)), crofton_perimeter_px(lines)
    place = np.clip(np.digitize(spectrum[0], _PLOTTED) - 1, 0, len(_PLOTTED) - 2)
    weight = np.bincount(place, spectrum[2], len(_PLOTTED) - 1).astype(np.float64)
    seen = weight > 0
    return Appearance(
        images=1,
        histogram=np.bincount(image.ravel(), minlength=256),
        noise_sigma=noise_sigma(image),
        slopes={band: spectral_slope(spectrum, *edges) for band, edges in BANDS.items()},
        frequency=np.bincount(place, spectrum[0] * spectrum[2], len(seen))[seen] / weight[seen],
        power=np.bincount(place, spectrum[1] * spectrum[2], len(seen))[seen] / weight[seen],
        weight=weight[seen],
        line_share=area / image.size,
        line_grey=float(image[lines].mean()) if area else None,
        line_width_px=2 * area / outline if outline else None,
    )


def pool_appearances(each: Sequence[Appearance]) -> Appearance:
    """Put single images together: histograms and spectra are added, the other statistics averaged over images.

    Raises:
        DataError: there is none.
    """
    if not each:
        raise DataError("no image to measure; expected at least one")
    place = np.concatenate([np.digitize(one.frequency, _PLOTTED) for one in each])
    weights = np.concatenate([one.weight for one in each])
    weight = np.bincount(place, weights).astype(np.float64)
    seen = weight > 0
    sums = [
        np.bincount(place, np.concatenate(list(values)) * weights)[seen] / weight[seen]
        for values in ([one.frequency for one in each], [one.power for one in each])
    ]
    return Appearance(
        images=sum(one.images for one in each),
        histogram=np.sum([one.histogram for one in each], axis=0),
        noise_sigma=float(np.mean([one.noise_sigma for one in each])),
        slopes={band: _mean([one.slopes[band] for one in each]) for band in BANDS},
        frequency=sums[0],
        power=sums[1],
        weight=weight[seen],
        line_share=float(np.mean([one.line_share for one in each])),
        line_grey=_mean([one.line_grey for one in each], [one.line_share for one in each]),
        line_width_px=_mean([one.line_width_px for one in each], [one.line_share for one in each]),
    )


def mean_and_std(histogram: NDArray[np.int64]) -> tuple[float, float]:
    """Return mean and standard deviation of the grey levels that a (256,) histogram counts (at least one)."""
    levels = np.arange(len(histogram))
    mean = float(np.average(levels, weights=histogram))
    return mean, float(np.sqrt(np.average((levels - mean) ** 2, weights=histogram)))


def percentiles(histogram: NDArray[np.int64]) -> list[float]:
    """Return for each of `PERCENTILES` the lowest grey level that this many pixels do not exceed; histogram (256,)."""
    below = np.cumsum(histogram)
    return [float(np.searchsorted(below, share / 100 * below[-1])) for share in PERCENTILES]


def wasserstein(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return the Wasserstein-1 (earth mover's) distance of two grey histograms (256,), in grey levels.

    In one dimension it is the area between the two cumulative distributions (Vallender, Theory of Probability and Its
    Applications 18, 1974): how far a grey level has to move on average to turn one histogram into the other.
    """
    return float(np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum()).sum())


def noise_sigma(image: Image) -> float:
    """Estimate the standard deviation of additive white noise in a (Y, X) uint8 image, in grey levels.

    Immerkaer, Fast noise variance estimation, Computer Vision and Image Understanding 64(2), 1996: the mean absolute
    response to the difference of two Laplacians, which planes, and edges for the most part, do not trigger. Noise that
    is correlated between pixels counts for less than its standard deviation.
    """
    grey = image.astype(np.int16)
    corners = grey[:-2, :-2] + grey[:-2, 2:] + grey[2:, :-2] + grey[2:, 2:]
    sides = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    response = corners - 2 * sides + 4 * grey[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) * np.abs(response).mean() / 6)


def radial_spectrum(image: Image) -> Spectrum:
    """Average the power spectrum of a (Y, X) uint8 image over annuli of equal frequency.

    The mean is taken off and a Hann window applied, without which the edges of the picture leak into all frequencies
    (Harris, Proceedings of the IEEE 66(1), 1978). Annuli are one frequency step of the shorter edge wide; the innermost
    one, which the window fills, is left out.

    Returns:
        Frequency in cycles per pixel (below 0.5), power in grey levels^2 px^2, and the number of Fourier coefficients
        in the annulus, each (K,) float64.
    """
    window, annulus, multiplicity, frequency, count = _annuli(*image.shape)
    windowed = (image - image.mean()) * window
    power = np.abs(fft.rfft2(windowed)) ** 2 / np.sum(window**2)
    sums = np.bincount(annulus, (power * multiplicity).ravel(), len(count) + 1)[:-1]
    return frequency[2:], sums[2:] / count[2:], count[2:]


@lru_cache(maxsize=4)
def _annuli(height: int, width: int) -> tuple[NDArray[Any], ...]:
    """Return the window, and of each coefficient of rfft2 its annulus and how often the full transform has it."""
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    radius = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None])
    multiplicity = np.full(width // 2 + 1, 2.0)
    multiplicity[0] = 1
    if width % 2 == 0:
        multiplicity[-1] = 1
    last = (min(height, width) - 1) // 2  # the annulus around 0.5 is cut by the end of the transform
    annulus = np.minimum(np.rint(radius * min(height, width)), last + 1).astype(np.int64).ravel()
    weights = np.broadcast_to(multiplicity, radius.shape).ravel()
    count = np.bincount(annulus, weights, last + 2)[:-1]
    frequency = np.bincount(annulus, weights * radius.ravel(), last + 2)[:-1] / count
    return window, annulus, multiplicity, frequency, count


def spectral_slope(spectrum: Spectrum, low: float, high: float) -> float | None:
    """Fit power ~ frequency^slope between two frequencies (cycles per pixel).

    Least squares of the logarithms, each annulus with the weight of its number of coefficients. White noise has 0,
    images of natural scenes about -2 (van der Schaaf and van Hateren, Vision Research 36, 1996).

    Returns:
        The slope; None if the image is too small to have three annuli in the band, or has no power there.
    """
    frequency, power, count = spectrum
    inside = (frequency >= low) & (frequency <= high)
    if np.count_nonzero(inside) < _FEWEST_ANNULI or power[inside].min() < _EMPTIEST:
        return None
    x, y = np.log(frequency[inside]), np.log(power[inside])
    return float(np.polyfit(x, y, 1, w=np.sqrt(count[inside]))[0])


def find_lines(image: Image) -> NDArray[np.bool_]:
    """Find dark lines in a (Y, X) uint8 image: membranes, and what looks like them, without labels.

    A pixel belongs to a line where the larger eigenvalue of the Hessian, after a Gaussian of 2 pixels, is above 0.9
    times the threshold of Otsu (IEEE Trans. Systems, Man, and Cybernetics 9, 1979) among the positive ones. The
    eigenvalue is the curvature across a dark line, in grey levels per px^2 (Steger, IEEE TPAMI 20(2), 1998). Contrast
    and brightness of the image do not matter.
    """
    grey = np.pad(ndimage.gaussian_filter(image.astype(np.float32), LINE_SIGMA_PX), 1, mode="edge")
    middle = 2 * grey[1:-1, 1:-1]
    yy = grey[:-2, 1:-1] + grey[2:, 1:-1] - middle
    xx = grey[1:-1, :-2] + grey[1:-1, 2:] - middle
    yx = (grey[:-2, :-2] + grey[2:, 2:] - grey[:-2, 2:] - grey[2:, :-2]) / 4
    curvature = (yy + xx) / 2 + np.sqrt(((yy - xx) / 2) ** 2 + yx**2)
    dark = curvature[curvature > _FLATTEST]
    if not dark.size:
        return np.zeros(image.shape, bool)
    threshold = max(LINE_THRESHOLD * float(threshold_otsu(dark)), _FLATTEST) if np.ptp(dark) > 0 else _FLATTEST
    return np.asarray(curvature > threshold)


def crofton_perimeter_px(mask: NDArray[np.bool_]) -> float:
    """Estimate the length of all outlines in a (Y, X) mask, in pixels, by counting crossings of rows and columns.

    Cauchy-Crofton with two directions: right on average over directions. For lines much longer than wide, width =
    2 area / perimeter.
    """
    crossings = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    return float(np.pi / 4 * crossings)


def _mean(values: Sequence[float | None], weights: Sequence[float] | None = None) -> float | None:
    """Average what is there; None if nothing is."""
    pairs = zip(values, weights or [1.0] * len(values), strict=True)
    there = [(value, weight) for value, weight in pairs if value is not None]
    total = sum(weight for _, weight in there)
    return sum(value * weight for value, weight in there) / total if total else None
