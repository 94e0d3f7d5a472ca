"""Which images have one pixel size: those that look alike, and of which the network says much the same.

Sections of one volume, and images of one kind of tissue at one magnification, have nearly one power spectrum: optics,
noise and membranes decide it. It takes no network to measure, so every image of a folder can be looked at.
What the network finds in a single image is a weak witness: of sections of one volume it may prefer sizes that are two
octaves apart. So looks come first, and the network decides where they leave a doubt.
benchmarks/scale_groups.py measures both.
"""

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from mitodata.contrast import spread
from mitodata.readers.source import Source
from mitoseg.inference.scale.evidence import Looks, is_enough, log_likelihood

Spectrum = NDArray[np.float64]
"""Amplitude in each of `BANDS`, in octaves above their mean, (bands,): of an image, whatever its contrast."""

WINDOW_PX = 256
WINDOWS = 2
"""Side of the windows whose spectra are averaged, and how many there are along each axis of an image."""

SMALLEST_PX = 64
"""Side to which smaller windows are mirrored."""

BANDS = np.geomspace(0.02, 0.5, 9)
"""Edges of the bands of spatial frequency, in cycles per pixel."""

ALIKE = 0.2
"""Root mean square difference of spectra, in octaves, up to which images have one size whatever the network says."""

UNLIKE = 0.38
"""Difference from which on they do not. In between they do if the network does not disagree."""

PER_NAT = 0.036
"""What disagreement of the network counts: as a difference of spectra, for each nat of the likelihood that one size
for both explains worse than two."""

AT_ONCE = 1000
"""Images that are compared with each other at once."""


def spectrum_of(source: Source, z: int = 0) -> Spectrum:
    """Measure the power spectrum of a section of an image."""
    plane = source.shape[1:]
    sides = [min(WINDOW_PX, length) for length in plane]
    places = [spread((length - side) // side + 1, WINDOWS) for length, side in zip(plane, sides, strict=True)]
    power = np.zeros(len(BANDS) - 1)
    for y in places[0]:
        for x in places[1]:
            rows, columns = (slice(n * side, (n + 1) * side) for n, side in zip((y, x), sides, strict=True))
            power += _power(source.read((slice(z, z + 1), rows, columns))[0])
    octaves = np.log2(power + 1e-9) / 2
    return np.asarray(octaves - octaves.mean())


def _power(window: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean power in each of the bands; nothing of an even window."""
    short = [max(0, SMALLEST_PX - side) for side in window.shape]
    grey = np.pad(window.astype(np.float64), [(0, each) for each in short], mode="symmetric")
    if not grey.std():
        return np.zeros(len(BANDS) - 1)
    grey = (grey - grey.mean()) / grey.std() * np.outer(*(np.hanning(side) for side in grey.shape))
    power = np.abs(np.fft.rfft2(grey)) ** 2
    frequency = np.hypot(np.fft.fftfreq(grey.shape[0])[:, None], np.fft.rfftfreq(grey.shape[1]))
    band = np.digitize(frequency, BANDS).ravel()
    sums, counts = np.bincount(band, power.ravel(), len(BANDS) + 1), np.bincount(band, minlength=len(BANDS) + 1)
    return np.asarray(sums[1:-1] / counts[1:-1])


def group_alike(spectra: NDArray[np.float64]) -> list[list[int]]:
    """Put images together whose spectra surely are alike.

    Args:
        spectra: (images, bands).

    Returns:
        Numbers of images, rising; groups in the order of their first image.
    """
    groups: list[list[int]] = []
    left = list(range(len(spectra)))
    while left:
        # Of very many images some found the groups, and the others join them; what joins none founds some, in turn.
        some = [left[place] for place in spread(len(left), AT_ONCE)]
        new = [[some[place] for place in group] for group in _cut(pdist(_scaled(spectra[some])), ALIKE)]
        left = sorted(set(left).difference(some))
        means = np.array([spectra[group].mean(0) for group in new])
        for number in left:
            far = np.sqrt(((means - spectra[number]) ** 2).mean(1))
            if far.min() < ALIKE:
                new[int(far.argmin())].append(number)
        left = sorted(set(left).difference(*new))
        groups += [sorted(group) for group in new]
    return sorted(groups)


def look_alike(spectra: NDArray[np.float64]) -> bool:
    """Whether images may have one size, as far as their spectra tell; (images, bands)."""
    return len(_cut(pdist(_scaled(spectra)), UNLIKE)) == 1


def join_agreeing(spectra: Sequence[NDArray[np.float64]], looks: Sequence[Looks]) -> list[tuple[list[int], Looks]]:
    """Put groups together that look much alike and whose pixel size the network does not see differently.

    Groups in which next to nothing is found, at any size, join the one that looks most like them: it hardly matters
    which size they get.

    Args:
        spectra: of the images of each group, (images, bands).
        looks: of the network at each group.

    Returns:
        Numbers of groups that have one size, rising, and the looks at those of them in which something is found.
    """
    means = np.array([each.mean(0) for each in spectra])
    joined = [[number] for number in range(len(looks))]
    if len(looks) <= AT_ONCE:
        joined = _cut(pdist(_scaled(means)) + PER_NAT * squareform(_disagreement(looks), checks=False), UNLIKE)
    centres = [np.concatenate([spectra[number] for number in group]).mean(0) for group in joined]
    pooled = [pool(looks, group) for group in joined]
    seen = [place for place, each in enumerate(pooled) if is_enough(each)]
    for place in set(range(len(joined))).difference(seen) if seen else ():
        nearest = min(seen, key=lambda other: float(((centres[other] - centres[place]) ** 2).sum()))
        joined[nearest] = joined[nearest] + joined[place]
    return [(sorted(joined[place]), pooled[place]) for place in seen or range(len(joined))]


def pool(looks: Sequence[Looks], group: Sequence[int]) -> Looks:
    """Add up the looks at several groups of images."""
    return tuple(reduce(add, each) for each in zip(*(looks[number] for number in group), strict=True))


def _scaled(spectra: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same so that Euclidean distances are root mean square differences."""
    return np.asarray(spectra / np.sqrt(spectra.shape[1]))


def _cut(far: NDArray[np.float64], at: float) -> list[list[int]]:
    """Groups whose members are less than `at` apart, on average, of so many pairs (condensed distances)."""
    if not len(far):
        return [[0]]
    labels = fcluster(linkage(far, "average"), at, "distance")
    return [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]


def _disagreement(looks: Sequence[Looks]) -> NDArray[np.float64]:
    """By how many nats one size for two groups is less likely than one for each, (groups, groups); at most 100."""
    curves = np.array([log_likelihood(each) for each in looks])
    best = curves.max(1)
    known = np.isfinite(best)
    # Where nothing is found at any size, nothing disagrees.
    curves = np.where(known[:, None], curves - np.where(known, best, 0.0)[:, None], 0.0)
    together = np.array([(curves + curve).max(1) for curve in curves])
    return np.asarray(np.minimum(-together, 100.0))
