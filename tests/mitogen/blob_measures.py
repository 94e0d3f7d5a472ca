"""What is measured on images of cell-like bodies, and recipes of them with every knob but one at rest."""

import numpy as np
from scipy.ndimage import binary_dilation

from mitodata import Sample
from mitogen.recipe.catalogue import SCENES
from mitogen.recipe.recipe import Recipe

SECTION = {"blobs": "blobs", "blobs-shifted": "colonies"}
# Nothing but the knob in question: even bodies, no noise.
PLAIN = {"imaging.noise": 0.0, "imaging.noise_floor": 0.0, "imaging.gain_noise": 0.0, "imaging.jpeg_loss": 0.0,
         "imaging.clahe": 0.0, "imaging.shading": 0.0, "imaging.blur_px": 0.0, "imaging.defocus_px": 0.0,
         "imaging.astigmatism_px": 0.0, "imaging.stain_drift": 0.0, "imaging.bias_field": 0.0,
         "imaging.contrast_drift": 0.0, "imaging.gamma": 1.0, "imaging.white": 20.0,
         "imaging.contrast": -100.0}  # fmt: skip
EVEN = {"blobs": {"blobs.complexity": 1.0, "blobs.noise": 0.0, "blobs.lobe_depth": 0.0, "blobs.roughness": 0.0,
                  "blobs.lean": 0.0, "blobs.brightness_spread": 0.0, "blobs.unevenness": 0.0, "blobs.mottle": 0.0,
                  "blobs.spots": 0.0, "blobs.rim": 0.0, "blobs.edge_nm": 0.0, "blobs.halo": 0.0, "blobs.haze": 0.0,
                  "blobs.fibres": 0.0, "blobs.glow": 0.0, "blobs.debris": 0.0, "blobs.elongation": 1.0,
                  "blobs.radius_nm": 4000.0, "blobs.radius_spread": 0.0, "blobs.overlap": 0.0},
        "blobs-shifted": {"colonies.complexity": 1.0, "colonies.noise": 0.0, "colonies.warp": 0.0,
                          "colonies.wobble": 0.0, "colonies.rods": 0.0, "colonies.division": 0.0,
                          "colonies.brightness_spread": 0.0, "colonies.pattern": 0.0, "colonies.cortex": 0.0,
                          "colonies.nucleus": 0.0, "colonies.edge_nm": 0.0, "colonies.ground": 0.1,
                          "colonies.fringe": 0.0, "colonies.vignette": 0.0, "colonies.ghosts": 0.0,
                          "colonies.debris": 0.0, "colonies.radius_nm": 4000.0, "colonies.radius_spread": 0.0,
                          "colonies.confluence": 1.0}}  # fmt: skip


def own_knobs(scene: str):
    return [knob for knob in SCENES[scene].values() if knob.name.partition(".")[0] == SECTION[scene]]


def recipe_of(scene: str, **values: float) -> Recipe:
    """A recipe with knobs of the scene's own section set; `section__pixel_nm` names one of another section."""
    names = {key.replace("__", ".") if "__" in key else f"{SECTION[scene]}.{key}": v for key, v in values.items()}
    return Recipe(scene).override(names)


def even(scene: str, **values: float) -> Recipe:
    return recipe_of(
        scene, **{name.replace(".", "__"): value for name, value in (PLAIN | EVEN[scene]).items()} | values
    )


def whole_bodies(sample: Sample) -> dict[int, np.ndarray]:
    """The masks (Z, Y, X) of bodies that the sides of the image do not cut, by number."""
    inner = sample.label.copy()
    at_edge = set(np.unique(np.concatenate([side.ravel() for side in
        (inner[:, 0], inner[:, -1], inner[:, :, 0], inner[:, :, -1])])))  # fmt: skip
    return {int(n): inner == n for n in np.unique(inner) if n and n not in at_edge}


def border_length(sample: Sample) -> float:
    """Share of pixels between two different bodies."""
    label = sample.label[0].astype(int)
    return float(np.mean((label[1:] != label[:-1]) & (label[1:] > 0) & (label[:-1] > 0)))


def patchiness(sample: Sample) -> float:
    """Scatter of the covered share over squares of 51 px, relative to its mean."""
    shares = sample.mask[0, :255, :255].reshape(5, 51, 5, 51).mean(axis=(1, 3))
    return float(shares.std() / shares.mean())


def per_body(measure):
    def mean(sample: Sample) -> float:
        whole = [body[0] for body in whole_bodies(sample).values() if body.sum() > 150]
        return float(np.mean([measure(body, sample.raw[0].astype(float)) for body in whole] or [np.nan]))

    return mean


def roundness(body, raw) -> float:
    edge = body & ~binary_dilation(~body)
    rim = binary_dilation(~body) & body
    return float(rim.sum() / np.sqrt(body.sum())) if edge.any() else np.nan


def elongation(body, raw) -> float:
    spread = np.linalg.eigvalsh(np.cov(np.nonzero(body)))
    return float(np.sqrt(spread[1] / spread[0]))


def profile(outer: int, inner: int):
    """Grey in a ring from `outer` to `inner` px inside a body, over that of its middle."""

    def measure(body, raw) -> float:
        rings = [body]
        for _ in range(inner):
            rings.append(rings[-1] & ~binary_dilation(~rings[-1]))
        ring, core = rings[outer] & ~rings[inner], rings[inner]
        return float(raw[ring].mean() / raw[core].mean()) if core.sum() > 20 else np.nan

    return measure  # fmt: skip


def ground(sample: Sample) -> float:
    """Mean grey outside of bodies."""
    return float(sample.raw[sample.mask == 0].mean())


def ground_scatter(sample: Sample) -> float:
    return float(sample.raw[sample.mask == 0].std())


def cover(sample: Sample) -> float:
    return float(sample.mask.mean())


def brightness_scatter(sample: Sample) -> float:
    """Scatter of the mean grey from body to body."""
    return float(np.std([sample.raw[body].mean() for body in whole_bodies(sample).values()] or np.nan))


def count(sample: Sample) -> int:
    return len(np.unique(sample.label))


def size_scatter(sample: Sample) -> float:
    """Scatter of the logarithm of the area from body to body."""
    return float(np.std([np.log(body.sum()) for body in whole_bodies(sample).values()] or np.nan))


def grey_nearby(sample: Sample) -> float:
    """Mean grey up to 4 px outside of bodies."""
    around = binary_dilation(sample.mask[0], iterations=4) & (sample.mask[0] == 0)
    return float(sample.raw[0][around].mean())


def roughness(sample: Sample) -> float:
    """Scatter of the difference between neighbouring pixels."""
    return float(np.std(np.diff(sample.raw[0].astype(float), axis=0)))
