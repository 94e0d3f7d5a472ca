"""One section photographed: the only place where artefacts are composed, in the order in which they arise."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from mitogen.geometry.grid import FloatArray
from mitogen.geometry.point_process import StreamOf
from mitogen.imaging.detector import add_floor, add_noise, count_electrons, scatter_gain
from mitogen.imaging.drift import drift_contrast, light_unevenly, shade, stain_unevenly
from mitogen.imaging.encoding import bend_tones, compress, equalise, quantise
from mitogen.imaging.optics import charge, defocus, focus
from mitogen.imaging.preparation import draw_curtains, fold_section, scratch, settle_dust
from mitogen.imaging.serial_sections import fade

Artefact = Callable[[FloatArray, Mapping[str, float], np.random.Generator], FloatArray]

# Each artefact: the knob that must be above 0 for it, its stream ({} = number of the section; without, all share one),
# what applies it.
ON_THE_SECTION: tuple[tuple[str, str, Artefact], ...] = (
    ("imaging.folds", "fold/{}", fold_section),
    ("imaging.dust_per_um2", "dust/{}", settle_dust),
)
IN_GREY_LEVELS: tuple[tuple[str, str, Artefact], ...] = (
    # Slow drifts belong to the block and the detector: drawn anew for each section, they would flicker along z.
    ("imaging.contrast_drift", "contrast/0", drift_contrast),
    ("imaging.bias_field", "bias/0", light_unevenly),
    ("imaging.shading", "shade/0", shade),
    # A nick in the knife's edge marks every section at the same place.
    ("imaging.knife_marks", "knife", scratch),
    ("imaging.curtaining", "curtain/{}", draw_curtains),
    ("imaging.charging", "charge/{}", charge),
    ("imaging.dose_e_per_nm2", "dose/{}", count_electrons),
    ("imaging.gain_noise", "gain/{}", scatter_gain),
    ("imaging.noise", "noise/{}", add_noise),
    ("imaging.noise_floor", "floor/{}", add_floor),
)


def photograph(density: FloatArray, params: Mapping[str, float], streams: StreamOf, section: int) -> NDArray[np.uint8]:
    """Image one section. An artefact whose knob is 0 costs nothing and changes nothing.

    Labels stay as they are: what moves tissue in the plane is `stack.jitter_nm`, applied before the scene is cut.

    Args:
        density: (Y, X) float32 stain: 0 is clear resin, 1 the darkest membrane.
        params: the image's params.
        streams: the image's streams.
        section: number of the section, from 0; each has noise of its own.

    Returns:
        (Y, X) uint8 grey levels; stain is dark, or bright where `imaging.contrast` is negative.
    """
    image = _apply(ON_THE_SECTION, density, params, streams, section)
    image = focus(image, params["imaging.blur_px"])
    image = defocus(image, params)
    image = stain_unevenly(image, streams("stain/0"), params["imaging.stain_drift"])
    grey = params["imaging.white"] - params["imaging.contrast"] * image
    if section > 0:
        grey = fade(grey, params, streams(f"fade/{section}"))
    grey = _apply(IN_GREY_LEVELS, grey, params, streams, section)
    grey = bend_tones(grey, params["imaging.gamma"])
    grey = equalise(grey, params["imaging.clahe"], params["imaging.clahe_clip"])
    return compress(quantise(grey), params["imaging.jpeg_loss"])


def _apply(
    artefacts: tuple[tuple[str, str, Artefact], ...],
    image: FloatArray,
    params: Mapping[str, float],
    streams: StreamOf,
    section: int,
) -> FloatArray:
    for knob, stage, artefact in artefacts:
        if params[knob] > 0:
            image = artefact(image, params, streams(stage.format(section)))
    return image
