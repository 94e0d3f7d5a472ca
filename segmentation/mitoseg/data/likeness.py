"""Which kinds of tissue in a recipe look most like some images; judged without labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mitodata import VoxelSize
from mitogen.gap.appearance import SMALLEST_PX, Appearance, look_at, pool_appearances
from mitogen.gap.comparison import appearance_distance
from mitogen.match.look import Studio, render_crops
from mitogen.recipe.recipe import parse_recipe
from mitoseg.networks.normalisation import measure_grey, normalise

Crop = NDArray[np.uint8]

CROP_PX = 192
"""Edge of the crops that are looked at, at most."""

RENDERED = 6
"""Images of each kind that are looked at."""

KEPT = 0.5
"""Part of the rendered images whose kinds stay as they are in the recipe: none is given up."""

STEP = 0.5
"""Further distance, as a share of that of the nearest kind, at which a kind counts e times less."""

_CENTRE, _WIDTH = 128.0, 40.0
"""Grey scale on which images are compared: what the network sees, not how somebody stretched them."""


@dataclass(frozen=True)
class Likeness:
    """How much each kind of a recipe looks like some images.

    Attributes:
        recipe: TOML of the recipe with more of the kinds that look like them; all others are still in it.
        distances: of each kind: 0 would be alike, 1 within tolerance in all statistics. Nearest first.
        shares: of each kind in that recipe, in the same order.
    """

    recipe: str
    distances: Mapping[str, float]
    shares: Mapping[str, float]


def favour_alike(recipe: str, crops: Sequence[Crop], voxel_size_nm: VoxelSize, seed: int) -> Likeness:
    """Give those kinds of a recipe more of the images that look most like some crops.

    Statistics of grey levels, noise, spectrum and dark lines are compared (`mitogen.gap.appearance`), each image
    brought to the grey scale that a network sees.

    Args:
        recipe: TOML; without kinds it stays as it is.
        crops: (Y, X) uint8, pixels square; too small ones say nothing.
        voxel_size_nm: (z, y, x) of the crops.
        seed: of the images that are rendered to compare with.

    Raises:
        MitoError: the recipe cannot be rendered at this voxel size.
    """
    known = parse_recipe(recipe)
    edge = min((min(crop.shape) for crop in crops), default=0)
    if not known.kinds or edge < 4 * SMALLEST_PX:
        return Likeness(recipe, {}, {})
    edge = min(edge, CROP_PX)
    real = pool_appearances([_look(_middle(crop, edge)) for crop in crops])
    z, y, _ = voxel_size_nm
    geometry = {"section.spacing_nm": z, "section.thickness_nm": z, "section.pixel_nm": y}
    studio = Studio(known.override(geometry), seed, edge)
    far = {kind.name: _distance(studio, kind.name, real) for kind in known.kinds}
    near = sorted(far, key=lambda name: far[name])
    total, unit = sum(kind.share for kind in known.kinds), STEP * far[near[0]]
    weights = {kind.name: kind.share * exp((far[near[0]] - far[kind.name]) / unit) for kind in known.kinds}
    scale = total / sum(weights.values())
    shares = {kind.name: KEPT * kind.share + (1 - KEPT) * scale * weights[kind.name] for kind in known.kinds}
    kinds = tuple(replace(kind, share=shares[kind.name]) for kind in known.kinds)
    favoured = replace(known, kinds=kinds)
    return Likeness(favoured.to_toml(), {name: far[name] for name in near}, {name: shares[name] for name in near})


def _distance(studio: Studio, kind: str, real: Appearance) -> float:
    """Mean distance of single images of a kind: none of them may look like the real ones only on average."""
    return fmean(appearance_distance(_look(crop), real) for crop in render_crops(studio, {}, range(RENDERED), kind))


def _look(crop: Crop) -> Appearance:
    grey = normalise(crop, measure_grey(crop)) * _WIDTH + _CENTRE
    return look_at(grey.round().clip(0, 255).astype(np.uint8))


def _middle(crop: Crop, edge: int) -> Crop:
    top, left = ((side - edge) // 2 for side in crop.shape)
    return crop[top : top + edge, left : left + edge]
