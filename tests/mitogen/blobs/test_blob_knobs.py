"""Every knob of the two scenes of cell-like bodies moves what it says."""

import numpy as np
import pytest
from blob_measures import (
    SECTION,
    border_length,
    brightness_scatter,
    count,
    cover,
    elongation,
    even,
    grey_nearby,
    ground,
    ground_scatter,
    own_knobs,
    per_body,
    profile,
    roughness,
    roundness,
    size_scatter,
)

from mitogen.rendering.image import render

INNER_ROUGH = per_body(lambda body, raw: np.std(np.diff(raw, axis=0)[body[1:] & body[:-1]]))
MEAN_INSIDE = per_body(lambda body, raw: raw[body].mean())
MOVES = [
    ("blobs", "volume_fraction", 0.1, 1.0, cover),
    ("blobs", "overlap", -0.3, 0.4, border_length),
    ("blobs", "radius_nm", 2500, 7000, per_body(lambda body, raw: body.sum())),
    ("blobs", "radius_spread", 0.0, 0.3, size_scatter),
    ("blobs", "elongation", 1.0, 3.0, per_body(elongation)),
    ("blobs", "lobe_depth", 0.0, 0.5, per_body(roundness)),
    ("blobs", "lobes", 1.0, 8.0, per_body(roundness)),
    ("blobs", "roughness", 0.0, 0.1, per_body(roundness)),
    ("blobs", "brightness_spread", 0.0, 0.6, brightness_scatter),
    ("blobs", "unevenness", 0.0, 1.0, per_body(lambda body, raw: raw[body].std())),
    ("blobs", "mottle", 0.0, 0.5, per_body(lambda body, raw: raw[body].std())),
    ("blobs", "spots", 0.0, 1.0, per_body(lambda body, raw: raw[body].std())),
    ("blobs", "rim", 0.8, -0.8, per_body(profile(1, 4))),
    ("blobs", "edge_nm", 2000, 0, per_body(profile(0, 4))),
    ("blobs", "halo", 0.0, 0.6, grey_nearby),
    ("blobs", "haze", 0.0, 0.6, ground),
    ("blobs", "fibres", 0.0, 0.6, ground_scatter),
    ("blobs", "glow", 0.0, 1.0, ground),
    ("blobs", "debris", 0.0, 10.0, ground_scatter),
    ("blobs", "noise", 0.0, 0.5, roughness),
    ("blobs", "noise_nm", 1500, 0, roughness),
    ("blobs", "mottle_nm", 8000, 500, INNER_ROUGH),
    ("blobs", "rim_nm", 3000, 100, MEAN_INSIDE),
    ("blobs", "halo_nm", 400, 8000, ground),
    ("blobs", "debris_size", 0.03, 0.3, ground_scatter),
    ("blobs-shifted", "confluence", 0.2, 0.9, cover),
    ("blobs-shifted", "gaps", 0.8, 0.0, cover),
    ("blobs-shifted", "radius_nm", 2500, 7000, per_body(lambda body, raw: body.sum())),
    ("blobs-shifted", "radius_spread", 0.0, 0.3, size_scatter),
    ("blobs-shifted", "spacing", 2.0, 0.8, count),
    ("blobs-shifted", "cleft_nm", 2500, 0, cover),
    ("blobs-shifted", "rounding", 1.0, 0.0, cover),
    ("blobs-shifted", "division", 0.0, 1.0, count),
    ("blobs-shifted", "rods", 0.0, 1.0, per_body(elongation)),
    ("blobs-shifted", "warp", 0.0, 0.6, per_body(elongation)),
    ("blobs-shifted", "wobble", 0.0, 0.1, per_body(roundness)),
    ("blobs-shifted", "brightness_spread", 0.0, 0.6, brightness_scatter),
    ("blobs-shifted", "pattern", 0.0, 0.6, per_body(lambda body, raw: raw[body].std())),
    ("blobs-shifted", "cortex", -0.6, 1.0, per_body(profile(1, 4))),
    ("blobs-shifted", "nucleus", 0.8, -0.6, per_body(profile(1, 6))),
    ("blobs-shifted", "edge_nm", 2000, 0, per_body(profile(0, 4))),
    ("blobs-shifted", "ground", 0.0, 0.6, ground),
    ("blobs-shifted", "fringe", 0.0, 0.5, ground_scatter),
    ("blobs-shifted", "vignette", 1.0, 0.0, lambda sample: float(sample.raw[0, :16, :16].mean())),
    ("blobs-shifted", "ghosts", 0.0, 0.6, ground),
    ("blobs-shifted", "debris", 0.0, 10.0, ground_scatter),
    ("blobs-shifted", "noise", 0.0, 0.5, roughness),
    ("blobs-shifted", "noise_nm", 1500, 0, roughness),
    ("blobs-shifted", "jitter", 0.0, 0.5, size_scatter),
    ("blobs-shifted", "pattern_nm", 8000, 600, INNER_ROUGH),
    ("blobs-shifted", "cortex_nm", 100, 2000, MEAN_INSIDE),
    ("blobs-shifted", "fringe_nm", 150, 1500, ground_scatter),
    ("blobs-shifted", "debris_size", 0.05, 0.5, ground_scatter),
]
# Those that a test of their own holds.
ELSEWHERE = {"complexity", "clustering", "stacking", "height", "lean"}


@pytest.mark.parametrize(("scene", "knob", "low", "high", "measure"), MOVES)  # fmt: skip
def test_a_knob_moves_what_it_says(scene: str, knob: str, low: float, high: float, measure):
    extra = {
        "noise_nm": {"noise": 0.3},
        "mottle_nm": {"mottle": 0.4},
        "rim_nm": {"rim": 0.8},
        "halo_nm": {"halo": 0.6},
        "debris_size": {"debris": 5.0},
        "jitter": {"spacing": 0.7},
        "pattern_nm": {"pattern": 0.5},
        "cortex_nm": {"cortex": 1.0},
        "fringe_nm": {"fringe": 0.5},
        "lobes": {"lobe_depth": 0.3},
        "rounding": {"spacing": 0.8},
    }.get(knob, {})
    extra = {"confluence": 0.6} | extra if scene == "blobs-shifted" and knob not in ("rounding", "cleft_nm") else extra
    few, many = (
        [measure(render(even(scene, **{**extra, knob: value}), 3, index, (1, 160, 160))) for index in range(5)]
        for value in (low, high)
    )
    assert np.nanmean(many) > np.nanmean(few) * 1.02 + 1e-9


def test_every_knob_has_a_test():
    tested = {(scene, knob) for scene, knob, *_ in MOVES}
    for scene in SECTION:
        names = {knob.name.split(".")[1] for knob in own_knobs(scene)}
        assert names - ELSEWHERE == {knob for of, knob in tested if of == scene}
