"""The knobs of the two scenes of cell-like bodies, in the manner of `tissue_knobs`.

Brightness is relative: 0 is the empty ground, 1 the median body.
"""

from collections.abc import Mapping
from dataclasses import replace

from mitogen.recipe.distributions import Distribution, LogNormal, LogUniform, Uniform
from mitogen.recipe.knob import Knob, knob, knob_table
from mitogen.recipe.tissue_knobs import KNOBS

SHARED = ("section", "stack", "imaging")
"""Sections of knobs that every scene has."""

# What suits a light microscope: name -> allowed range and default.
_LIGHT: Mapping[str, tuple[tuple[float, float], Distribution | float]] = {
    "section.pixel_nm": ((20, 1000), 250.0),
    "section.thickness_nm": ((10, 5000), LogUniform(200, 900)),
    "section.spacing_nm": ((10, 5000), 250.0),
    "stack.jitter_nm": ((0, 5000), 0.0),
    # Negative: what is stained shines.
    "imaging.contrast": ((-400, 400), Uniform(-140, -70)),
    "imaging.white": ((0, 400), Uniform(5, 45)),
    "imaging.noise": ((0, 100), LogUniform(1.5, 10)),
    # Nothing is cut, nothing is charged; debris belongs to the scene.
    "imaging.curtaining": ((0, 60), 0.0),
    "imaging.knife_marks": ((0, 80), 0.0),
    "imaging.charging": ((0, 120), 0.0),
    "imaging.folds": ((0, 5), 0.0),
    "imaging.fold_width_nm": ((500, 50000), 3000.0),
    "imaging.dose_e_per_nm2": ((0, 1), 0.0),
    "imaging.dust_per_um2": ((0, 0.05), 0.0),
    "imaging.dust_radius_nm": ((50, 5000), 500.0),
}


def _shared() -> list[Knob]:
    """The knobs that every scene has, with ranges and defaults for a light microscope."""
    known = [knob for name, knob in KNOBS.items() if name.partition(".")[0] in SHARED]
    limits = {knob.name: _LIGHT.get(knob.name, ((knob.low, knob.high), knob.default)) for knob in known}
    return [
        replace(knob, low=low, high=high, default=default)
        for knob, ((low, high), default) in zip(known, limits.values(), strict=True)
    ]


BLOBS: Mapping[str, Knob] = knob_table(
    *_shared(),
    knob("blobs.complexity", "1", (0, 1), Uniform(0.3, 1.0), "Scales lobes, roughness, lean, overlap, unevenness, spots, halo, haze, fibres, glow and debris at once: 0 leaves even ellipses on an empty ground."),
    knob("blobs.noise", "brightness", (0, 1), Uniform(0.02, 0.16), "Grain over the whole picture (standard deviation)."),
    knob("blobs.noise_nm", "nm", (0, 3000), Uniform(0, 350), "Size of its grains (standard deviation of the blur)."),
    # --- where bodies lie ----------------------------------------------------------------------------------------
    knob("blobs.volume_fraction", "1", (0, 2), Uniform(0.25, 1.4), "Share of the volume that bodies would fill if none had to give way."),
    knob("blobs.clustering", "1", (0, 1), Uniform(0.0, 0.9), "How far they keep together: 0 strewn evenly, 1 in clusters with gaps between."),
    knob("blobs.overlap", "1", (-0.5, 0.5), Uniform(-0.05, 0.3), "How deep neighbours press into each other, in units of their radii; negative keeps them apart."),
    knob("blobs.stacking", "1", (0, 1), Uniform(0.0, 0.7), "Share of touching pairs of which one lies on the other; the rest flatten against each other."),
    # --- their shape ---------------------------------------------------------------------------------------------
    knob("blobs.radius_nm", "nm", (1000, 50000), LogNormal(4200, 0.33, 2400, 8500), "Median radius across z."),
    knob("blobs.radius_spread", "1", (0, 0.5), Uniform(0.06, 0.25), "Scatter of the radius within one image (of its logarithm, cut off at two of it)."),
    knob("blobs.height", "1", (0.2, 2), Uniform(0.5, 1.2), "Their extent along z over their width."),
    knob("blobs.elongation", "1", (1, 4), Uniform(1.0, 1.7), "Mean ratio of length to width of a profile."),
    knob("blobs.lobes", "1", (1, 8), Uniform(1.5, 4.0), "About how many lobes an outline has."),
    knob("blobs.lobe_depth", "1", (0, 0.5), LogUniform(0.03, 0.45), "Depth of the lobes relative to the radius: 0 ellipses, 0.5 amoebae with pseudopods."),
    knob("blobs.roughness", "1", (0, 0.1), Uniform(0.0, 0.03), "Depth of small notches of the outline relative to the radius."),
    knob("blobs.lean", "1", (0, 0.5), Uniform(0.0, 0.25), "How far bodies lean over: shift across for each step in z."),
    # --- their look ----------------------------------------------------------------------------------------------
    knob("blobs.brightness_spread", "1", (0, 0.8), Uniform(0.03, 0.3), "Scatter of brightness from body to body (of its logarithm)."),
    knob("blobs.unevenness", "1", (0, 1), Uniform(0.1, 0.8), "How far brightness falls from one side of a body to the other."),
    knob("blobs.mottle", "1", (0, 0.6), Uniform(0.0, 0.25), "Strength of the clumps inside (standard deviation)."),
    knob("blobs.mottle_nm", "nm", (200, 20000), LogUniform(500, 1600), "Size of the clumps (wavelength)."),
    knob("blobs.spots", "1", (0, 1), Uniform(0.0, 0.6), "Depth of dark spots inside, like nucleoli."),
    knob("blobs.edge_nm", "nm", (0, 3000), Uniform(0, 350), "Softness of edges (half width)."),
    knob("blobs.rim", "1", (-1, 0.9), Uniform(0.15, 0.55), "How much darker bodies are along their edge and the seams between them; negative: brighter."),
    knob("blobs.rim_nm", "nm", (50, 5000), Uniform(300, 700), "Width of that rim."),
    # --- what is around them -------------------------------------------------------------------------------------
    knob("blobs.halo", "1", (-0.6, 0.9), Uniform(0.0, 0.4), "Part of a body's light that spreads around it; negative: a dark surround."),
    knob("blobs.halo_nm", "nm", (100, 20000), LogUniform(400, 2500), "How far it spreads (standard deviation)."),
    knob("blobs.haze", "brightness", (0, 0.6), Uniform(0.0, 0.12), "Uneven light of the ground."),
    knob("blobs.fibres", "brightness", (0, 0.6), Uniform(0.0, 0.16), "Brightness of faint fibres in the ground."),
    knob("blobs.glow", "1", (0, 1), Uniform(0.0, 0.35), "Brightness of bodies above and below, out of focus."),
    knob("blobs.debris", "1", (0, 10), LogUniform(0.05, 2.0), "Number of specks of debris for each body."),
    knob("blobs.debris_size", "1", (0.02, 0.3), Uniform(0.06, 0.16), "Their radius over that of a body."),
)  # fmt: skip

COLONIES: Mapping[str, Knob] = knob_table(
    *_shared(),
    knob("colonies.complexity", "1", (0, 1), Uniform(0.3, 1.0), "Scales warp, wobble, rods, pattern, cortex, nuclei, fringe, vignette, ghosts and debris at once: 0 leaves plain even cells."),
    knob("colonies.noise", "1", (0, 1), Uniform(0.05, 0.3), "Speckle, in proportion to brightness (standard deviation of its logarithm)."),
    knob("colonies.noise_nm", "nm", (0, 3000), Uniform(0, 300), "Size of the speckle (standard deviation of the blur)."),
    # --- how they grow -------------------------------------------------------------------------------------------
    knob("colonies.confluence", "1", (0.05, 1), Uniform(0.25, 0.8), "Share of the ground that colonies cover."),
    knob("colonies.gaps", "1", (0, 0.95), Uniform(0.0, 0.35), "Share of places in a colony that are empty."),
    knob("colonies.radius_nm", "nm", (1000, 50000), LogNormal(4200, 0.3, 2400, 8500), "Median radius of a cell across z with nothing in its way."),
    knob("colonies.radius_spread", "1", (0, 0.3), Uniform(0.05, 0.2), "Scatter of the radius within one image (of its logarithm, cut off at two of it)."),
    knob("colonies.height", "1", (0.2, 2), Uniform(0.5, 1.2), "Extent of cells along z over their width."),
    knob("colonies.spacing", "1", (0.7, 2), Uniform(0.78, 1.15), "Distance of neighbours over the sum of their radii: below 1 they press against each other."),
    knob("colonies.jitter", "1", (0, 0.5), Uniform(0.2, 0.5), "How far places lie from a regular lattice."),
    knob("colonies.cleft_nm", "nm", (0, 3000), Uniform(150, 600), "Width of the gap between cells that meet."),
    knob("colonies.rounding", "1", (0, 1), Uniform(0.2, 0.8), "How round the corners of cells are."),
    knob("colonies.division", "1", (0, 1), Uniform(0.0, 0.3), "Share of cells that have just divided into two."),
    knob("colonies.rods", "1", (0, 1), Uniform(0.0, 0.7), "Share of the others that are drawn out into rods."),
    knob("colonies.warp", "1", (0, 0.6), Uniform(0.0, 0.45), "How far the tissue is bent, in radii."),
    knob("colonies.wobble", "1", (0, 0.1), Uniform(0.0, 0.06), "Irregularity of outlines, in radii."),
    # --- their look ----------------------------------------------------------------------------------------------
    knob("colonies.brightness_spread", "1", (0, 0.8), Uniform(0.03, 0.25), "Scatter of brightness from cell to cell (of its logarithm)."),
    knob("colonies.pattern", "1", (0, 0.8), Uniform(0.0, 0.35), "Strength of the labyrinth of stripes inside."),
    knob("colonies.pattern_nm", "nm", (200, 20000), LogUniform(600, 2000), "Distance of its stripes."),
    knob("colonies.cortex", "1", (-0.8, 1.5), Uniform(0.0, 0.5), "How much brighter cells are along their edge; negative: darker."),
    knob("colonies.cortex_nm", "nm", (50, 5000), Uniform(250, 700), "Width of that edge."),
    knob("colonies.nucleus", "1", (-0.8, 1), Uniform(-0.35, 0.45), "How much brighter the nucleus is than the rest; negative: darker."),
    knob("colonies.edge_nm", "nm", (0, 3000), Uniform(0, 250), "Softness of edges (half width)."),
    # --- what is around them -------------------------------------------------------------------------------------
    knob("colonies.ground", "brightness", (0, 0.7), Uniform(0.02, 0.3), "Brightness of the ground."),
    knob("colonies.fringe", "brightness", (-0.5, 0.6), Uniform(0.0, 0.18), "Dark moat and bright fringe around a cell, as from phase contrast; negative: the other way round."),
    knob("colonies.fringe_nm", "nm", (100, 10000), LogUniform(400, 1500), "Distance of the fringe from the edge."),
    knob("colonies.vignette", "1", (0, 1), Uniform(0.0, 0.35), "How far brightness falls towards the corners of the image."),
    knob("colonies.ghosts", "brightness", (0, 0.6), Uniform(0.0, 0.12), "Brightness of discs far out of focus."),
    knob("colonies.debris", "1", (0, 10), LogUniform(0.05, 1.5), "Number of rods of debris for each cell."),
    knob("colonies.debris_size", "1", (0.05, 0.5), Uniform(0.1, 0.3), "Their length over a cell's width."),
)  # fmt: skip
