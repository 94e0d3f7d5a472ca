"""What beam and lenses do: point spread, defocus, astigmatism, and the charge that the beam leaves behind."""

from collections.abc import Mapping

import numpy as np

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.jit import compiled
from mitogen.geometry.random_fields import smooth


def focus(image: FloatArray, blur_px: float) -> FloatArray:
    """Blur by the point-spread function of probe, lens and interaction volume, close to a Gaussian of `blur_px`.

    Source: Goldstein et al., Scanning Electron Microscopy and X-Ray Microanalysis, 4th ed. (2018), ch. 5.
    """
    return smooth(image, blur_px) if blur_px > 0.15 else image


def defocus(image: FloatArray, params: Mapping[str, float]) -> FloatArray:
    """Blur by the probe of a lens that is out of focus, astigmatic, or both: an evenly filled ellipse.

    Along `imaging.astigmatism_deg` its half axis is defocus + astigmatism, across it their difference: an astigmatic
    lens blurs alike in all directions at best focus, and stretches points into lines on either side of it.

    Source: Reimer, Scanning Electron Microscopy, 2nd ed. (1998), ch. 2, on defocusing and axial astigmatism of a probe.
    """
    out_of_focus, astigmatism = params["imaging.defocus_px"], params["imaging.astigmatism_px"]
    if out_of_focus + astigmatism <= 0:
        return image
    probe = probe_of(
        out_of_focus + astigmatism, abs(out_of_focus - astigmatism), np.deg2rad(params["imaging.astigmatism_deg"])
    )
    reach = probe.shape[0] // 2
    return _convolve(np.pad(image.astype(np.float32, copy=False), reach, mode="edge"), probe)


def probe_of(along_px: float, across_px: float, angle_rad: float) -> FloatArray:
    """An evenly filled ellipse on pixels: (K, K) float32, K odd, sum 1; each pixel holds the share that it covers.

    Args:
        along_px: half axis in px along the direction (cos, sin) of `angle_rad` in (x, y).
        across_px: half axis in px across it.
        angle_rad: the direction.
    """
    reach = int(np.ceil(max(along_px, across_px) + 0.5))
    # Points that fill the unit disc evenly: rings of equal area with as many points each.
    radius = np.sqrt((np.arange(40) + 0.5) / 40)[:, None]
    turn = 2 * np.pi * (np.arange(64)[None] + 0.5 * (np.arange(40)[:, None] % 2)) / 64
    u, v = along_px * radius * np.cos(turn), across_px * radius * np.sin(turn)
    x = u * np.cos(angle_rad) - v * np.sin(angle_rad)
    y = u * np.sin(angle_rad) + v * np.cos(angle_rad)
    edges = np.arange(-reach, reach + 2) - 0.5
    counts = np.histogram2d(y.ravel(), x.ravel(), bins=(edges, edges))[0]
    even = (counts + counts[::-1, ::-1]) / 2
    probe: FloatArray = (even / even.sum()).astype(np.float32)
    return probe


def charge(grey: FloatArray, params: Mapping[str, float], rng: np.random.Generator) -> FloatArray:
    """Brighten what does not conduct, with a tail along the scan lines (x), and draw streaks where charge breaks down.

    Charge collects in clear resin, spreads and is carried on by the scan; fully charged resin is brighter by
    `imaging.charging` grey levels. Labels stay as they are.

    Source: Titze and Genoud, Biology of the Cell 108 (2016), on charging in volume scanning electron microscopy.
    """
    strength = np.float32(params["imaging.charging"])
    mean = float(grey.mean())
    resin = np.clip((grey - np.float32(mean)) / np.float32(max(params["imaging.white"] - mean, 10.0)), 0, 1)
    # Charge leaks away within some 30 pixels of the scan and a few lines.
    haze = np.minimum(_trail(_trail(resin, 0.97).T, 0.8).T * np.float32(2.0), np.float32(1.0))
    charged: FloatArray = grey + strength * haze
    for _ in range(1 + int(rng.poisson(grey.shape[0] / 50))):
        row, column = rng.integers(grey.shape[0]), rng.integers(grey.shape[1])
        tail = np.exp(-np.arange(grey.shape[1] - column) / rng.uniform(30, 200))
        height = rng.choice([-0.5, 1.0]) * rng.uniform(0.2, 0.8)
        charged[row : row + rng.integers(1, 3), column:] += strength * (height * tail).astype(np.float32)
    return charged


@compiled
def _trail(image: FloatArray, decay: float) -> FloatArray:
    """Average (Y, X) over what was scanned before in each row, with weights that fall by `decay` a pixel."""
    out = np.empty(image.shape, np.float32)
    for row in range(image.shape[0]):
        value = image[row, 0]
        for column in range(image.shape[1]):
            value = np.float32(decay) * value + np.float32(1 - decay) * image[row, column]
            out[row, column] = value
    return out


@compiled
def _convolve(padded: FloatArray, kernel: FloatArray) -> FloatArray:
    """Correlate (Y + K - 1, X + K - 1) with a kernel (K, K); gives (Y, X)."""
    size = kernel.shape[0]
    rows, columns = padded.shape[0] - size + 1, padded.shape[1] - size + 1
    out = np.zeros((rows, columns), np.float32)
    for row in range(rows):
        line = out[row]
        for dy in range(size):
            source = padded[row + dy]
            for dx in range(size):
                weight = kernel[dy, dx]
                if weight > 0:
                    for column in range(columns):
                        line[column] += weight * source[column + dx]
    return out
