"""No knob of the scene of tissue is dead in the preset in which it is at home."""

from functools import cache

import numpy as np
import pytest
from knob_row import Row
from knob_rows import ROWS

from mitogen.recipe.recipe import Recipe, draw, load_recipe
from mitogen.recipe.tissue_knobs import KNOBS
from mitogen.rendering.image import render

NEEDS = {
    "imaging.astigmatism_deg": "imaging.astigmatism_px", "imaging.knife_deg": "imaging.knife_marks",
    "imaging.dust_radius_nm": "imaging.dust_per_um2", "imaging.fold_width_nm": "imaging.folds",
    "imaging.clahe_clip": "imaging.clahe",
}  # fmt: skip
OFF_IN_THE_PRESET = {"stack.low_contrast", "stack.copied_share"}
"""They tell how sections of low contrast and missing sections look, of which the preset has none."""


AT_HOME = {
    **dict.fromkeys(("fibres", "sarcomeres", "t_tubules", "sarcoplasmic_reticulum", "connective", "vessels"), "muscle"),
    "packing": "muscle", "loose": "culture", "microvilli": "culture", "epithelium": "liver", "rosettes": "liver",
    "insulin": "gland", "zymogen": "gland", "tubule": "kidney",
}  # fmt: skip
"""In which preset a section of knobs is at home, where it is not that of the brain."""
ELSEWHERE = {
    "nuclei.lobes": "culture", "mitochondria.winding": "culture", "packing.spacing_nm": "liver",
    "packing.stretch": "liver", "reticulum.wraps": "liver", "reticulum.wrap_nm": "liver",
    "reticulum.wrap_share": "liver",
}  # fmt: skip
"""Knobs that are at home in another preset than the rest of their section."""


@cache
def preset(section: str, home: str) -> Recipe:
    """The preset in a wide field of view, with as many and as large ones of what a section is about as it draws."""
    recipe = load_recipe(home) if home else Recipe()
    about = "somata" if section == "nuclei" else section
    most = {
        name: value.ppf(0.97)
        for name, value in recipe.values.items()
        if f"{about}.density_per_um3" in KNOBS and name in (f"{about}.density_per_um3", f"{about}.radius_nm")
    }
    # What is rare in large tissue, a nucleus for instance, is wanted more often than it is drawn.
    rare = {n: KNOBS[n].high / 4 for n in KNOBS if n.startswith(f"{about}.") and "_per_1000_" in n}
    return recipe.override({"section.pixel_nm": 24, **most, **rare})


@cache
def drawn_by_preset(section: str, home: str, index: int, depth: int) -> np.ndarray:
    return render(preset(section, home), 0, index, (depth, 96, 96)).raw


def absent(knob: str) -> bool:
    """Whether the preset has nothing of what a knob describes; how much there is of it can still be turned up."""
    density = f"{knob.split('.')[0]}.density_per_um3"
    return knob != density and density in KNOBS and Recipe().values[density].support[1] == 0


LATE = {
    "multilamellar.period_nm": 19, "multilamellar.radius_nm": 9, "t_bars.height_nm": 12, "tubule.brush_border": 8,
    "mitochondria.granule_radius_nm": 15, "mitochondria.neck": 5, "connective.collagen": 7,
    "packing.droplet_nm": 7, "vessels.around_density": 7, "vessels.nucleus_nm": 49,
    "mitochondria.granule_density": 15, "connective.collagen_nm": 7, "vessels.darkness": 7, "glycogen.density": 4,
    "dense_core.radius_nm": 4, "packing.droplets": 3, "reticulum.rough_share": 3, "epithelium.nucleus": 3,
    "imaging.dust_radius_nm": 42,
}  # fmt: skip
"""In which image what is rare showed when this was written: where it is looked for first, to save time."""

SHOWN: dict[tuple[str, str], int] = {}
"""The image in which the last knob of a section showed, which is where others of it are looked for first."""


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.knob)
def test_no_knob_is_dead_in_the_preset(row: Row):
    if row.knob in OFF_IN_THE_PRESET or absent(row.knob):
        return
    section = row.knob.split(".")[0]
    home = ELSEWHERE.get(row.knob, AT_HOME.get(section, ""))
    depth = 2 if section == "stack" or row.knob == "section.spacing_nm" else 1
    likely = LATE.get(row.knob, SHOWN.get((section, home), 0))
    for index in (likely, *range(likely), *range(likely + 1, 100)):
        params = draw(preset(section, home), 0, index)
        if params[NEEDS.get(row.knob, "section.pixel_nm")] > 0:
            far = max((row.low, row.high), key=lambda value: abs(value - params[row.knob]))
            other = render(preset(section, home).override({row.knob: far}), 0, index, (depth, 96, 96))
            if not np.array_equal(other.raw, drawn_by_preset(section, home, index, depth)):
                if row.knob not in LATE:
                    SHOWN[section, home] = index
                return
    pytest.fail("it changes no image of a hundred")
