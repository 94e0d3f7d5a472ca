"""One strip of images for one knob: its value from low to high, every other number and every stream the same.

All other knobs stand at the median of the recipe. A knob whose organelle is rare would then show nothing: so a field of
view is looked for, and if need be another knob to turn up, with which the two ends differ visibly.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from PIL import Image

from mitodata.sample import Sample
from mitogen.gallery.pictures import cut_plane, grey, outlined, png
from mitogen.gallery.sweeps import plenty, span
from mitogen.recipe.recipe import Recipe
from mitogen.rendering.job import Renderer, RenderError, render_image
from mitogen.rendering.process_pool import go_on

ABUNDANCE = ("density_per_um3", "density_per_um2", "share", "occupancy", "volume_fraction")
"""Knobs of these names say how much there is of what their section is about."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "cristae": ("mitochondria.volume_fraction",),
    "nuclei": ("somata.density_per_um3",),
    "synapses": ("boutons.share",),
    "t_bars": ("boutons.share",),
    "cells.dark_cytoplasm": ("cells.dark_share",),
    "imaging.astigmatism_deg": ("imaging.astigmatism_px", "imaging.defocus_px"),
    "imaging.astigmatism_px": ("imaging.defocus_px",),
    "imaging.shot_share": ("imaging.noise",),
    "mitochondria.branching": ("mitochondria.aspect",),
    "mitochondria.neck": ("mitochondria.constricted_share",),
    "stack.copied_share": ("stack.missing_share",),
}
"""What has to be there for the knobs of a section, or for one knob, to count, where names do not tell."""

SEEN = 5.0
"""Change along a strip (see `Strip`) below which more of what the knob is about is put into the picture."""

UNSEEN = 0.5
"""Change along a strip below which nothing is to be seen."""

_CLEAR = 10.0  # root mean square of grey levels from which on a difference is as good as any larger one
_CANDIDATES = 12
_TYPICAL_COVER = 0.15
_SLICES, _SLICE_PX = 48, 2  # of a volume
_SEAM_PX = 4
_STEM = 4  # knobs of a section whose names begin with as many equal letters belong together


@dataclass(frozen=True)
class Setting:
    """What is the same in all images of a strip.

    Attributes:
        field: number of the image whose streams are used.
        raised: other knobs that are not at their median, so that the strip shows something.
        volume: whether a volume is rendered and its xz plane shown, for knobs that a single section does not show.
    """

    field: int
    raised: Mapping[str, float]
    volume: bool = False


@dataclass(frozen=True)
class Strip:
    """A finished strip.

    Attributes:
        knob: name of what is turned.
        values: its value in each image, from low to high.
        setting: what is the same in all of them.
        change: difference from the first image to the middle one and from there to the last (root mean square of grey
            levels, cut off where it is plain to see), mean of both.
        png: a picture of the images side by side; of volumes the xz plane, z downwards.
    """

    knob: str
    values: tuple[float, ...]
    setting: Setting
    change: float
    png: bytes


@dataclass(frozen=True)
class Studio:
    """Where strips are made.

    Attributes:
        recipe: whose medians all knobs but one have.
        seed: seed of the images.
        size: their edge in pixels.
        images: how many a strip has, at least 2.
        outlines: whether instances are outlined.
        renderer: see `job.Job`.
    """

    recipe: Recipe
    seed: int = 0
    size: int = 192
    images: int = 5
    outlines: bool = False
    renderer: Renderer = render_image

    @cached_property
    def medians(self) -> Recipe:
        """The recipe with every knob at its median: the same numbers for every image."""
        return self.recipe.override({name: value.ppf(0.5) for name, value in self.recipe.values.items()})

    @property
    def pixel_nm(self) -> float:
        """Edge of a pixel where it is not that which is turned, nm."""
        return self.recipe.values["section.pixel_nm"].ppf(0.5)

    def render(self, setting: Setting, knob: str = "", value: float = 0.0) -> Sample:
        """Render one image: a section, or the xz plane of a volume as if it were one.

        Raises:
            RenderError: it failed; says with which numbers.
        """
        go_on()
        numbers = {**setting.raised, **({knob: value} if knob else {})}
        shape = (_SLICES, max(16, self.size // 4), self.size) if setting.volume else (1, self.size, self.size)
        try:
            sample = self.renderer(self.medians.override(numbers), self.seed, setting.field, shape, False)
        except Exception as error:
            shown = ", ".join(f"{name}={number:g}" for name, number in numbers.items())
            raise RenderError(f"image {setting.field} with {shown}: {type(error).__name__}: {error}") from error
        return cut_plane(sample, 1, shape[1] // 2) if setting.volume else sample


@dataclass(frozen=True)
class _TestStrip:
    """Some images of a strip in one setting, to see whether it shows the knob."""

    setting: Setting
    samples: Mapping[float, Sample]  # by the knob's value, from low to high

    @cached_property
    def change(self) -> float:
        """See `Strip`."""
        return float(np.mean([min(_distance(*pair), _CLEAR) for pair in pairwise(self.samples.values())]))


def fields_for(studio: Studio, section: str) -> list[int]:
    """Choose fields of view for the knobs of a section: those that hold most of what the section is about.

    Where that is everywhere, those that look like most: with as much foreground as usual, not filled by one thing.

    Returns:
        Numbers of images, the best first.
    """
    supply = _supply(studio.recipe, section)
    if not supply:
        masks = [studio.render(Setting(field, {})).mask for field in range(_CANDIDATES)]
        cover = [0.0 if mask is None else float(np.mean(mask == 1)) for mask in masks]
        return sorted(range(_CANDIDATES), key=lambda field: abs(cover[field] - _TYPICAL_COVER))[:2]
    none = {name: max(studio.recipe.knobs[name].low, 0.0) for name in supply}
    held = []
    for field in range(_CANDIDATES):
        held.append(_distance(*(studio.render(Setting(field, numbers)) for numbers in (supply, none))))
    return sorted(range(_CANDIDATES), key=lambda field: -held[field])[:3]


def draw_strip(studio: Studio, name: str, fields: Sequence[int]) -> Strip:
    """Draw the strip of a knob.

    Args:
        studio: where to.
        name: name of the knob.
        fields: numbers of the images to choose a field of view from, the most typical first.

    Raises:
        RenderError: an image failed.
    """
    knob = studio.recipe.knobs[name]
    values = span(knob, studio.recipe.values[name], studio.images)
    best = _choose(studio, name, sorted({values[0], values[len(values) // 2], values[-1]}), fields)
    samples = [best.samples.get(value) or studio.render(best.setting, name, value) for value in values]
    picture = _joined([_picture(sample, best.setting, studio.outlines) for sample in samples])
    return Strip(name, values, best.setting, best.change, png(picture))


def _choose(studio: Studio, name: str, values: Sequence[float], fields: Sequence[int]) -> _TestStrip:
    """Find the setting that shows the knob best: plain if that shows it at all."""
    best = _TestStrip(Setting(fields[0], {}), {})
    change = -1.0
    for below, settings in _stages(studio.recipe, name, fields):
        if change >= below:
            continue
        for setting in settings:
            tested = _TestStrip(setting, {value: studio.render(setting, name, value) for value in values})
            if tested.change > max(change, UNSEEN if setting.volume else -1.0):
                best, change = tested, tested.change
    return best


def _stages(recipe: Recipe, name: str, fields: Sequence[int]) -> Iterator[tuple[float, list[Setting]]]:
    """Settings to try, stage by stage, each with the change below which it is worth while."""
    raised = {other: value for other, value in _supply(recipe, name).items() if other != name}
    siblings = {**raised, **_siblings(recipe, name)}
    yield 0.0, [Setting(field, {}) for field in fields[:2]]
    yield SEEN, [Setting(field, raised) for field in fields] if raised else []
    yield UNSEEN, [Setting(field, siblings) for field in fields] if siblings != raised else []
    yield UNSEEN, [Setting(fields[0], siblings, volume=True)]


def _supply(recipe: Recipe, name: str) -> dict[str, float]:
    """Turn up what there has to be for a section, or one knob of it, to count."""
    section = name.split(".")[0]
    needed = [f"{section}.{kind}" for kind in ABUNDANCE] + [*NEEDS.get(section, ()), *NEEDS.get(name, ())]
    return {other: plenty(recipe.knobs[other], recipe.values[other]) for other in needed if other in recipe.values}


def _siblings(recipe: Recipe, name: str) -> dict[str, float]:
    """Turn up the knobs whose names begin like this one's, as imaging.folds for imaging.fold_width_nm.

    One that the recipe never draws near nothing says how, not whether, and stays at its median.
    """
    stem = name[: name.index(".") + 1 + _STEM]
    return {
        other: plenty(recipe.knobs[other], recipe.values[other])
        for other in recipe.values
        if other != name
        and other.startswith(stem)
        and recipe.values[other].support[0] <= max(recipe.knobs[other].low, 0)
    }


def _picture(sample: Sample, setting: Setting, outlines: bool) -> Image.Image:
    height, width = sample.raw.shape[1:]
    picture = grey(sample.raw[0], (width, height * _SLICE_PX if setting.volume else height))
    if outlines and sample.label is not None and sample.mask is not None:
        return outlined(picture, sample.label[0], sample.mask[0])
    return picture


def _distance(one: Sample, other: Sample) -> float:
    """Root mean square difference of two images in grey levels."""
    return float(np.sqrt(np.mean((one.raw.astype(np.float32) - other.raw.astype(np.float32)) ** 2)))


def _joined(pictures: Sequence[Image.Image]) -> Image.Image:
    """Put pictures of one size side by side with white seams."""
    width, height = pictures[0].size
    strip = Image.new("RGB", (len(pictures) * (width + _SEAM_PX) - _SEAM_PX, height), (255, 255, 255))
    for i, picture in enumerate(pictures):
        strip.paste(picture, (i * (width + _SEAM_PX), 0))
    return strip
