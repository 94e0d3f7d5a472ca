"""One row for every knob of the scene of tissue: two values, what grows between them, and in which setting.

The setting is QUIET, in which little is there but cells and mitochondria, and what the row adds to it.
"""

from typing import NamedTuple

import numpy as np
from knob_views import (
    Measure,
    blocks_of_8,
    border,
    branches,
    cells_seen,
    coherence,
    cover,
    crista_width,
    cristae,
    darker,
    grey,
    grown,
    halo,
    inside,
    kin,
    layered,
    lengths,
    local_contrast,
    mean,
    mixture,
    narrowest,
    nearest,
    of_each,
    ordered,
    over,
    pieces,
    rough,
    roughness,
    scatter_of_shade,
    share,
    slimness,
    solidity,
    spread,
    standing,
    step_x,
    step_y,
    steps,
    straightness,
    thick,
    top,
    trunk_radius,
    tubes,
)

from mitogen.parts import Part
from mitogen.tissue import Kind

QUIET = {
    "section.thickness_nm": 8, "cells.calibre_nm": 300, "cells.tortuosity": 0.2, "cells.waviness_nm": 0,
    "cells.dark_share": 0, "cells.loose_vesicles": 0, "cells.cytoplasm": 0.15, "cells.cytoplasm_spread": 0,
    "cells.grain": 0.01, "glia.share": 0, "neurites.density_per_um3": 0, "myelin.density_per_um3": 0,
    "somata.density_per_um3": 0, "mitochondria.volume_fraction": 0, "boutons.share": 0, "dense_core.occupancy": 0,
    "synapses.share": 0, "t_bars.density_per_um2": 0, "reticulum.cisternae_share": 0, "reticulum.tubule_share": 0,
    "filaments.share": 0, "microtubules.occupancy": 0, "ribosomes.occupancy": 0, "golgi.density_per_um3": 0,
    "lysosomes.density_per_um3": 0, "lipofuscin.density_per_um3": 0, "multivesicular.density_per_um3": 0,
    "multilamellar.density_per_um3": 0, "lipid.density_per_um3": 0, "endosomes.density_per_um3": 0,
    "imaging.blur_px": 0, "imaging.white": 228, "imaging.contrast": 200, "imaging.stain_drift": 0,
    "imaging.shading": 0, "imaging.curtaining": 0, "imaging.noise": 0, "imaging.noise_correlation_px": 0,
    "imaging.shot_share": 0, "imaging.gamma": 1,
}  # fmt: skip

# --- settings
WIDE = {"section.pixel_nm": 20}
FINE = {"section.pixel_nm": 4, "section.thickness_nm": 4}
ONE_CELL = {"cells.calibre_nm": 2000, "cells.calibre_spread": 0, "cells.elongation": 1, "cells.tortuosity": 0}
PALE_TUBES = WIDE | {"neurites.density_per_um3": 1, "neurites.shade": 0.3, "cells.cytoplasm": 0.1}
AXONS = WIDE | {"myelin.density_per_um3": 0.3, "myelin.lamellae": 0, "myelin.unevenness": 0, "myelin.splits": 0}
LAMELLAE = AXONS | {
    "section.pixel_nm": 9, "myelin.density_per_um3": 2, "myelin.sheath_ratio": 0.5, "myelin.lamellae": 0.4,
}  # fmt: skip
SOMATA = {"section.pixel_nm": 30, "somata.density_per_um3": 0.08, "somata.radius_nm": 1000, "nuclei.nucleolus": 0}
MITOS = {
    "section.pixel_nm": 10, "mitochondria.volume_fraction": 0.2, "mitochondria.radius_nm": 150,
    "mitochondria.unevenness": 0, "mitochondria.roughness": 0, "mitochondria.swollen_share": 0,
    "mitochondria.degenerate_share": 0, "mitochondria.constricted_share": 0, "mitochondria.branching": 0,
    "mitochondria.matrix_spread": 0, "mitochondria.mottle": 0, "mitochondria.matrix_grain": 0,
    "mitochondria.granules_per_um3": 0, "mitochondria.membrane_gaps": 0, "cristae.tubular_share": 0,
    "cristae.vesicular_share": 0, "cristae.concentric_share": 0, "cristae.mixed_share": 0,
    "cristae.domain_turn_rad": 0, "cristae.domain_nm": 10000, "cristae.longitudinal_share": 0, "cristae.contrast": 1,
}  # fmt: skip
LONG = MITOS | {"mitochondria.aspect": 6, "mitochondria.radius_nm": 100}
INSIDES = MITOS | {"section.pixel_nm": 6, "section.thickness_nm": 6, "mitochondria.volume_fraction": 0.25}
HUGE = {"mitochondria.radius_nm": 350, "mitochondria.radius_spread": 0}
EMPTY = INSIDES | {"cristae.share": 0}
GRANULES = EMPTY | HUGE | {
    "mitochondria.granules_per_um3": 400, "mitochondria.granule_density": 1.2, "mitochondria.membrane_density": 0.5,
    "mitochondria.matrix_darkness": 0.1,
}  # fmt: skip
CRISTAE = INSIDES | HUGE | {"cristae.bending_nm": 0, "cristae.spacing_nm": 60, "cristae.lumen_nm": 12}
TERMINALS = {"boutons.share": 1, "boutons.cluster_level": -3}
VESICLES = TERMINALS | {"section.pixel_nm": 5, "boutons.vesicle_spacing": 1.2}
HALF = {"boutons.share": 0.5}
DENSE = {"dense_core.occupancy": 0.6}
SYNAPSES = HALF | {"section.pixel_nm": 6, "synapses.share": 0.5}
T_BARS = HALF | {"section.pixel_nm": 6, "t_bars.density_per_um2": 10}
SHEETS = {"section.pixel_nm": 6, "reticulum.cisternae_share": 0.8, "reticulum.rough_share": 0}
TUBULES = {"section.pixel_nm": 6, "reticulum.tubule_share": 1, "reticulum.tubule_spacing_nm": 300}
BUNDLES = {"section.pixel_nm": 5, "filaments.share": 1, "filaments.occupancy": 0.7}
MICROTUBULES = {"section.pixel_nm": 5, "microtubules.occupancy": 0.7}
RIBOSOMES = {"section.pixel_nm": 5, "ribosomes.occupancy": 0.7, "glia.share": 1, "glycogen.occupancy": 0}
GLYCOGEN = {"section.pixel_nm": 5, "glycogen.occupancy": 0.6, "glia.share": 1}
GOLGI = {"cells.calibre_nm": 900, "golgi.density_per_um3": 6}
BODIES = {"section.pixel_nm": 14}
LYSOSOMES = BODIES | {"lysosomes.density_per_um3": 5}
LIPOFUSCIN = BODIES | {"lipofuscin.density_per_um3": 5}
MULTIVESICULAR = BODIES | {"multivesicular.density_per_um3": 5}
WHORLS = BODIES | {"multilamellar.density_per_um3": 5}
DROPLETS = BODIES | {"lipid.density_per_um3": 4}
ENDOSOMES = BODIES | {"endosomes.density_per_um3": 5, "endosomes.radius_nm": 130}


class Row(NamedTuple):
    """A knob, two of its values, what the second has more of, and the setting beside `QUIET`."""

    knob: str
    low: float
    high: float
    grows: Measure
    base: dict[str, float]


def falls(measure: Measure) -> Measure:
    return lambda v: -measure(v)


ROWS = [
    Row("section.pixel_nm", 4, 16, cells_seen, {}),
    Row("section.thickness_nm", 4, 60, falls(rough), {}),
    Row("section.spacing_nm", 4, 40, lambda v: float(np.abs(np.diff(v.volume, axis=0)).mean()), {}),
    # --- cells
    Row("cells.calibre_nm", 120, 400, falls(cells_seen), {}),
    Row("cells.calibre_spread", 0.1, 0.9, lambda v: float(np.log(v.scene.cells.radius).std()), {}),
    Row("cells.elongation", 1, 6, slimness, {"cells.calibre_nm": 100}),
    Row("cells.tortuosity", 0, 1, falls(solidity), {"cells.elongation": 3, "cells.calibre_nm": 120}),
    Row("cells.waviness_nm", 0, 40, border, {"cells.wave_length_nm": 150}),
    Row("cells.wave_length_nm", 100, 800, falls(border), {"cells.waviness_nm": 50}),
    Row("cells.gap_nm", 4, 50, share(Part.EXTRACELLULAR), {}),
    Row("cells.gap_density", 0.1, 0.9, mean(Part.EXTRACELLULAR), {"cells.gap_nm": 40}),
    Row("cells.membrane_nm", 4, 24, share(Part.PLASMA_MEMBRANE), {"section.pixel_nm": 4}),
    Row("cells.membrane_density", 0.3, 1.3, mean(Part.PLASMA_MEMBRANE), {}),
    Row("cells.cytoplasm", 0.05, 0.5, mean(Part.CYTOPLASM), {}),
    Row("cells.cytoplasm_spread", 0.01, 0.2, scatter_of_shade, {"cells.calibre_nm": 120}),
    Row("cells.grain", 0.01, 0.2, spread(Part.CYTOPLASM), {}),
    Row("cells.grain_nm", 4, 30, kin, {"cells.grain": 0.3}),
    Row("cells.dark_share", 0, 0.5, darker(0.4, Part.CYTOPLASM), {"cells.calibre_nm": 120}),
    Row("cells.dark_cytoplasm", 0.3, 0.8, mean(Part.CYTOPLASM), {"cells.dark_share": 0.5}),
    Row("cells.loose_vesicles", 0, 1, share(Part.VESICLE), {}),
    Row("glia.share", 0, 0.8, share(Part.GLYCOGEN), {"glycogen.occupancy": 0.5}),
    Row("glia.darkness", -0.1, 0.4, mean(Part.CYTOPLASM), {"glia.share": 1, "glycogen.occupancy": 0}),
    # --- smooth tubes that push into the crowd
    Row("neurites.density_per_um3", 0, 3, darker(0.25, Part.CYTOPLASM), PALE_TUBES),
    Row("neurites.radius_nm", 100, 500, darker(0.25, Part.CYTOPLASM), PALE_TUBES),
    Row("neurites.shade", -0.1, 0.3, mean(Part.CYTOPLASM), PALE_TUBES),
    Row("myelin.density_per_um3", 0, 1, share(Part.MYELIN), AXONS),
    Row("myelin.radius_nm", 250, 800, trunk_radius(Kind.MYELINATED), AXONS),
    Row("myelin.sheath_ratio", 0.05, 0.5, share(Part.MYELIN), AXONS),
    Row("myelin.period_nm", 25, 70, falls(steps(Part.MYELIN)), LAMELLAE),
    Row("myelin.lamellae", 0, 0.5, spread(Part.MYELIN), LAMELLAE | {"myelin.period_nm": 40}),
    Row("myelin.density", 0.3, 1.1, mean(Part.MYELIN), AXONS),
    Row("myelin.unevenness", 0, 0.3, spread(Part.MYELIN), AXONS),
    Row("myelin.splits", 0, 1, falls(mean(Part.MYELIN)), AXONS | {"myelin.density": 1, "myelin.sheath_ratio": 0.4}),
    Row("somata.density_per_um3", 0, 0.2, share(Part.NUCLEUS), SOMATA),
    Row("somata.radius_nm", 600, 1500, share(Part.NUCLEUS), SOMATA),
    Row("nuclei.density", 0.1, 0.6, mean(Part.NUCLEUS), SOMATA),
    Row("nuclei.chromatin", 0, 0.8, spread(Part.NUCLEUS), SOMATA),
    Row("nuclei.pores_per_um2", 0, 50, falls(mean(Part.NUCLEAR_ENVELOPE)), SOMATA | {"section.pixel_nm": 15}),
    Row("nuclei.nucleolus", 0, 0.7, mean(Part.NUCLEUS), SOMATA | {"nuclei.chromatin": 0.8}),
    # --- mitochondria
    Row("mitochondria.volume_fraction", 0.02, 0.2, cover, MITOS),
    Row("mitochondria.radius_nm", 80, 250, thick, MITOS),
    Row("mitochondria.radius_spread", 0, 0.6, tubes(lambda n, r: float(np.log(r.mean(axis=1)).std())), MITOS),
    Row("mitochondria.aspect", 1, 8, tubes(lambda n, r: float(np.mean(lengths(n) / r.mean(axis=1)))), MITOS),
    Row("mitochondria.bend_rad", 0, 2.5, falls(tubes(straightness)), LONG),
    Row("mitochondria.unevenness", 0, 0.5, tubes(lambda n, r: float(np.mean(r.std(axis=1) / r.mean(axis=1)))), LONG),
    Row("mitochondria.roughness", 0, 0.25, roughness, MITOS | {"mitochondria.aspect": 1}),
    Row("mitochondria.gap_nm", -40, 300, tubes(nearest), MITOS),
    Row("mitochondria.clearance_nm", 2, 100, lambda v: float(halo(v).mean()), MITOS | {"cells.calibre_nm": 90}),
    Row("mitochondria.clearance_spread", 0, 1.4, lambda v: float(halo(v).std()),
        MITOS | {"cells.calibre_nm": 90, "mitochondria.clearance_nm": 40}),
    Row("mitochondria.branching", 0, 1, branches, LONG),
    Row("mitochondria.constricted_share", 0, 1, falls(tubes(narrowest)),
        LONG | {"mitochondria.neck": 0.3}),
    Row("mitochondria.neck", 0.2, 1, tubes(narrowest),
        LONG | {"mitochondria.constricted_share": 1}),
    Row("mitochondria.membrane_density", 0.4, 1.3, mean(Part.OUTER_MEMBRANE, Part.INNER_MEMBRANE), EMPTY),
    Row("mitochondria.membrane_nm", 5, 18, share(Part.OUTER_MEMBRANE, Part.INNER_MEMBRANE), EMPTY),
    Row("mitochondria.membrane_gaps", 0, 0.9, falls(mean(Part.OUTER_MEMBRANE)),
        EMPTY | {"mitochondria.intermembrane_darkness": 0}),
    Row("mitochondria.intermembrane_nm", 3, 35, share(Part.INTERMEMBRANE_SPACE), EMPTY),
    Row("mitochondria.intermembrane_darkness", -0.1, 0.5, mean(Part.INTERMEMBRANE_SPACE),
        EMPTY | {"mitochondria.intermembrane_nm": 25}),
    Row("mitochondria.matrix_darkness", 0, 0.7, mean(Part.MATRIX), EMPTY),
    Row("mitochondria.matrix_spread", 0, 0.25, lambda v: float(np.std(of_each(np.median, Part.MATRIX)(v))),
        EMPTY | {"section.pixel_nm": 14, "mitochondria.radius_nm": 120}),
    Row("mitochondria.matrix_grain", 0, 2, spread(Part.MATRIX), EMPTY | {"cells.grain": 0.1}),
    Row("mitochondria.mottle", 0, 0.25, spread(Part.MATRIX), EMPTY),
    Row("mitochondria.granules_per_um3", 0, 500, darker(0.9, Part.MATRIX), GRANULES),
    Row("mitochondria.granule_radius_nm", 8, 30, darker(0.9, Part.MATRIX), GRANULES),
    Row("mitochondria.granule_density", 0.5, 1.4, lambda v: top(99)(v.stain(Part.MATRIX)),
        GRANULES | {"mitochondria.granule_radius_nm": 25}),
    Row("mitochondria.swollen_share", 0, 1, falls(mean(Part.MATRIX)), INSIDES),
    Row("mitochondria.degenerate_share", 0, 1, mean(Part.MATRIX), INSIDES),
    Row("cristae.spacing_nm", 40, 140, falls(pieces(Part.CRISTA)), CRISTAE),
    Row("cristae.lumen_nm", 4, 30, crista_width, CRISTAE | {"cristae.spacing_nm": 90}),
    Row("cristae.lumen_spread", 0, 1,
        cristae(lambda r: float(np.log(r.area / r.axis_major_length)), np.std),
        CRISTAE | {"cristae.spacing_nm": 90}),
    Row("cristae.lumen_lightness", 0, 0.5, lambda v: -top(3)(inside(v)), CRISTAE),
    Row("cristae.membrane_nm", 4, 16, crista_width, CRISTAE | {"cristae.spacing_nm": 90}),
    Row("cristae.membrane_darkness", 0, 0.6, lambda v: top(95)(inside(v)), CRISTAE),
    Row("cristae.contrast", 0.2, 1.8, lambda v: over(inside(v), np.std), CRISTAE),
    Row("cristae.share", 0.2, 1, share(Part.CRISTA), CRISTAE),
    Row("cristae.extent_nm", 100, 2000, falls(pieces(Part.CRISTA)), CRISTAE | {"cristae.share": 0.6}),
    Row("cristae.taper_nm", 4, 150, falls(crista_width), CRISTAE | {"cristae.lumen_nm": 25, "cristae.spacing_nm": 90}),
    Row("cristae.junction_share", 0, 1, share(Part.CRISTA), CRISTAE | {"cristae.tip_gap_nm": 40}),
    Row("cristae.tip_gap_nm", 0, 70, falls(share(Part.CRISTA)), CRISTAE | {"cristae.junction_share": 0}),
    Row("cristae.bending_nm", 0, 50, falls(cristae(lambda r: r.solidity)), CRISTAE),
    Row("cristae.wave_nm", 150, 2000, cristae(lambda r: r.solidity),
        CRISTAE | {"cristae.bending_nm": 60}),
    Row("cristae.longitudinal_share", 0, 1,
        falls(pieces(Part.CRISTA)), CRISTAE | {"mitochondria.aspect": 4, "cristae.share": 1}),
    Row("cristae.domain_nm", 100, 5000, falls(pieces(Part.CRISTA)), CRISTAE | {"cristae.domain_turn_rad": 1}),
    Row("cristae.domain_turn_rad", 0, 1, falls(ordered), CRISTAE | {"cristae.domain_nm": 150}),
    Row("cristae.tubular_share", 0, 1, falls(share(Part.CRISTA)), CRISTAE),
    Row("cristae.vesicular_share", 0, 1, falls(cristae(lambda r: r.eccentricity)), CRISTAE),
    Row("cristae.concentric_share", 0, 1, layered, CRISTAE | {"cristae.share": 1, "mitochondria.aspect": 1}),
    Row("cristae.mixed_share", 0, 1, mixture, CRISTAE | {"cristae.domain_nm": 200, "cristae.vesicular_share": 0.5}),
    # --- what mitochondria are mistaken for
    Row("boutons.share", 0, 0.7, share(Part.VESICLE), {"boutons.cluster_level": -3, "cells.calibre_nm": 120}),
    Row("boutons.darkness", -0.1, 0.4, mean(Part.CYTOPLASM), TERMINALS | {"boutons.cluster_level": 3}),
    Row("boutons.matrix_darkness", -0.1, 0.4, mean(Part.CYTOPLASM), TERMINALS | {"boutons.vesicle_occupancy": 0}),
    Row("boutons.cluster_nm", 150, 1500, falls(rough),
        ONE_CELL | {"boutons.share": 1, "boutons.cluster_level": 0, "boutons.matrix_darkness": 0.5,
                    "boutons.vesicle_occupancy": 0}),
    Row("boutons.cluster_level", -2, 2, falls(share(Part.VESICLE)), TERMINALS),
    Row("boutons.vesicle_radius_nm", 15, 45, grown(Part.VESICLE), VESICLES),
    Row("boutons.vesicle_spacing", 0.8, 4, falls(share(Part.VESICLE)), VESICLES),
    Row("boutons.vesicle_occupancy", 0.2, 1, share(Part.VESICLE), VESICLES),
    Row("boutons.vesicle_shell_nm", 3, 15, mean(Part.VESICLE), VESICLES | {"boutons.vesicle_lumen": 0}),
    Row("boutons.vesicle_stain", 0.2, 1.4, mean(Part.VESICLE), VESICLES),
    Row("boutons.vesicle_lumen", 0, 0.9, mean(Part.VESICLE), VESICLES),
    Row("dense_core.occupancy", 0, 0.8, share(Part.DENSE_CORE_VESICLE), {}),
    Row("dense_core.radius_nm", 20, 70, share(Part.DENSE_CORE_VESICLE), DENSE),
    Row("dense_core.density", 0.1, 1.4, mean(Part.DENSE_CORE_VESICLE), DENSE),
    Row("synapses.share", 0, 0.9, share(Part.SYNAPSE), SYNAPSES),
    Row("synapses.spacing_nm", 100, 2000, falls(pieces(Part.SYNAPSE)), SYNAPSES),
    Row("synapses.depth_nm", 5, 80, share(Part.SYNAPSE), SYNAPSES),
    Row("synapses.density", 0.2, 1.4, mean(Part.SYNAPSE), SYNAPSES),
    Row("synapses.presynaptic", 0, 1, share(Part.SYNAPSE), SYNAPSES),
    Row("t_bars.density_per_um2", 0, 15, share(Part.SYNAPSE), T_BARS),
    Row("t_bars.width_nm", 40, 300, share(Part.SYNAPSE), T_BARS),
    Row("t_bars.height_nm", 20, 150, standing, T_BARS),
    Row("t_bars.density", 0.2, 1.4, mean(Part.SYNAPSE), T_BARS),
    Row("reticulum.cisternae_share", 0, 0.9, share(Part.RETICULUM), SHEETS),
    Row("reticulum.sheets", 0.5, 1.5, share(Part.RETICULUM),
        SOMATA | {"section.pixel_nm": 15, "reticulum.cisternae_share": 0.9, "reticulum.lumen_nm": 12}),
    Row("reticulum.rough_share", 0, 1, share(Part.RIBOSOME), SHEETS),
    Row("reticulum.lumen_nm", 6, 80, share(Part.RETICULUM), SHEETS),
    Row("reticulum.lumen_density", 0, 0.9, mean(Part.RETICULUM), SHEETS),
    Row("reticulum.membrane_density", 0.1, 1.3, mean(Part.RETICULUM), SHEETS),
    Row("reticulum.tubule_radius_nm", 10, 60, share(Part.RETICULUM), TUBULES),
    Row("reticulum.tubule_spacing_nm", 200, 1500, falls(share(Part.RETICULUM)), TUBULES),
    Row("reticulum.tubule_share", 0, 1, share(Part.RETICULUM), TUBULES),
    Row("filaments.share", 0, 0.9, share(Part.FILAMENT), BUNDLES),
    Row("filaments.spacing_nm", 25, 150, falls(share(Part.FILAMENT)), BUNDLES),
    Row("filaments.radius_nm", 4, 20, share(Part.FILAMENT), BUNDLES),
    Row("filaments.density", 0.1, 1, mean(Part.FILAMENT), BUNDLES),
    Row("filaments.occupancy", 0.1, 1, share(Part.FILAMENT), BUNDLES),
    Row("filaments.wander_nm", 0, 300, falls(coherence), BUNDLES | ONE_CELL | {"section.pixel_nm": 10}),
    Row("microtubules.occupancy", 0, 1, share(Part.FILAMENT), MICROTUBULES),
    Row("microtubules.spacing_nm", 40, 300, falls(share(Part.FILAMENT)), MICROTUBULES),
    Row("microtubules.density", 0.1, 1.2, mean(Part.FILAMENT), MICROTUBULES),
    Row("ribosomes.occupancy", 0, 1, share(Part.RIBOSOME), RIBOSOMES),
    Row("ribosomes.radius_nm", 6, 20, share(Part.RIBOSOME), RIBOSOMES),
    Row("ribosomes.density", 0.1, 1.2, mean(Part.RIBOSOME), RIBOSOMES),
    Row("glycogen.occupancy", 0, 1, share(Part.GLYCOGEN), GLYCOGEN),
    Row("glycogen.radius_nm", 8, 24, share(Part.GLYCOGEN), GLYCOGEN),
    Row("glycogen.density", 0.1, 1.2, mean(Part.GLYCOGEN), GLYCOGEN),
    Row("golgi.density_per_um3", 0, 8, share(Part.GOLGI), GOLGI),
    Row("golgi.radius_nm", 150, 600, share(Part.GOLGI), GOLGI),
    Row("golgi.lumen_nm", 5, 40, share(Part.GOLGI), GOLGI),
    Row("golgi.lumen_density", 0, 0.9, mean(Part.GOLGI), GOLGI),
    Row("golgi.membrane_density", 0.1, 1.3, mean(Part.GOLGI), GOLGI),
    Row("golgi.vesicles", 0, 1, share(Part.VESICLE), GOLGI),
    Row("lysosomes.density_per_um3", 0, 8, share(Part.LYSOSOME), LYSOSOMES),
    Row("lysosomes.radius_nm", 60, 200, share(Part.LYSOSOME), LYSOSOMES),
    Row("lysosomes.darkness", 0.1, 0.9, mean(Part.LYSOSOME), LYSOSOMES),
    Row("lysosomes.mottle", 0, 0.4, spread(Part.LYSOSOME), LYSOSOMES),
    Row("lipofuscin.density_per_um3", 0, 8, share(Part.LYSOSOME), LIPOFUSCIN),
    Row("lipofuscin.radius_nm", 80, 250, share(Part.LYSOSOME), LIPOFUSCIN),
    Row("lipofuscin.darkness", 0.2, 1.1, mean(Part.LYSOSOME), LIPOFUSCIN),
    Row("lipofuscin.lipid", 0, 1, falls(mean(Part.LYSOSOME)), LIPOFUSCIN),
    Row("multivesicular.density_per_um3", 0, 8, share(Part.MULTIVESICULAR_BODY), MULTIVESICULAR),
    Row("multivesicular.radius_nm", 60, 250, share(Part.MULTIVESICULAR_BODY), MULTIVESICULAR),
    Row("multilamellar.density_per_um3", 0, 8, share(Part.LYSOSOME), WHORLS),
    Row("multilamellar.radius_nm", 60, 250, share(Part.LYSOSOME), WHORLS),
    Row("multilamellar.period_nm", 25, 90, falls(steps(Part.LYSOSOME)),
        WHORLS | FINE | {"multilamellar.radius_nm": 300}),
    Row("lipid.density_per_um3", 0, 8, share(Part.LIPID), DROPLETS),
    Row("lipid.radius_nm", 80, 300, share(Part.LIPID), DROPLETS),
    Row("lipid.density", 0.1, 1.1, mean(Part.LIPID), DROPLETS),
    Row("endosomes.density_per_um3", 0, 8, share(Part.ENDOSOME), ENDOSOMES),
    Row("endosomes.radius_nm", 80, 250, share(Part.ENDOSOME), ENDOSOMES),
    Row("endosomes.lumen_density", 0, 0.5, mean(Part.ENDOSOME), ENDOSOMES),
    # --- the microscope
    Row("imaging.blur_px", 0.3, 4, falls(grey(step_x)), {}),
    Row("imaging.white", 150, 240, grey(np.mean), {}),
    Row("imaging.contrast", 50, 200, grey(np.std), {}),
    Row("imaging.stain_drift", 0, 0.3, grey(np.std, 0.5), {}),
    Row("imaging.shading", 0, 40, grey(np.std, 0.5), {}),
    Row("imaging.curtaining", 0, 30, grey(lambda g: g.mean(axis=0).std() - g.mean(axis=1).std(), 0.5), {}),
    Row("imaging.noise", 2, 30, grey(step_x, 0.5), {}),
    Row("imaging.noise_correlation_px", 0, 3, falls(grey(step_x, 0.5)), {"imaging.noise": 20}),
    Row("imaging.shot_share", 0, 1, falls(grey(np.std, 1.0)), {"imaging.noise": 10}),
    Row("imaging.gamma", 0.4, 2, falls(grey(np.mean)), {}),
    Row("imaging.defocus_px", 0, 4, falls(grey(step_x)), {}),
    Row("imaging.astigmatism_px", 0, 4, grey(lambda g: step_y(g) / step_x(g)),
        {"imaging.defocus_px": 4, "imaging.astigmatism_deg": 0}),
    Row("imaging.astigmatism_deg", 0, 90, grey(lambda g: step_x(g) / step_y(g)),
        {"imaging.defocus_px": 3, "imaging.astigmatism_px": 3}),
    Row("imaging.contrast_drift", 0, 0.5, grey(local_contrast), {"cells.calibre_nm": 80}),
    Row("imaging.bias_field", 0, 0.3, grey(np.std, 0.5), {}),
    Row("imaging.dose_e_per_nm2", 0.5, 100, falls(grey(step_x, 0.5)), {}),
    Row("imaging.gain_noise", 0, 0.3, grey(step_x, 0.5), {}),
    Row("imaging.noise_floor", 0, 20, grey(step_x, 0.5), {}),
    Row("imaging.knife_marks", 0, 50, grey(np.std, 0.5), {}),
    Row("imaging.knife_deg", 0, 90, grey(lambda g: step_x(g) - step_y(g), 0.5), {"imaging.knife_marks": 40}),
    Row("imaging.charging", 0, 80, grey(np.mean), {}),
    Row("imaging.dust_per_um2", 0, 5, grey(lambda g: np.mean(g != 128), 0.5), WIDE),
    Row("imaging.dust_radius_nm", 20, 150, grey(lambda g: np.mean(g != 128), 0.5), WIDE | {"imaging.dust_per_um2": 4}),
    Row("imaging.folds", 0, 4, grey(lambda g: np.mean(g < 100), 0.5), {}),
    Row("imaging.fold_width_nm", 60, 500, grey(lambda g: np.mean(g < 100), 0.5), {"imaging.folds": 3}),
    Row("imaging.clahe", 0, 1, grey(np.std), {"imaging.contrast": 60}),
    Row("imaging.clahe_clip", 1.2, 10, grey(np.std), {"imaging.contrast": 60, "imaging.clahe": 1}),
    Row("imaging.jpeg_loss", 0, 90, grey(blocks_of_8), {"imaging.blur_px": 3}),
    # --- from section to section
    Row("stack.jitter_nm", 0, 60, lambda v: float(np.abs(np.diff(v.volume, axis=0)).mean()), {}),
    Row("stack.flicker", 0, 40, lambda v: float(v.volume.mean(axis=(1, 2)).std()), {}),
    Row("stack.low_contrast_share", 0, 1, lambda v: -float(v.volume.std(axis=(1, 2)).mean()), {}),
    Row("stack.low_contrast", 0.1, 0.9, lambda v: float(v.volume.std(axis=(1, 2)).mean()),
        {"stack.low_contrast_share": 1}),
    Row("stack.missing_share", 0, 1, lambda v: float(np.mean(np.ptp(v.volume, axis=(1, 2)) == 0)),
        {"stack.copied_share": 0}),
    Row("stack.copied_share", 0, 1, lambda v: float(np.mean(np.all(np.diff(v.volume, axis=0) == 0, axis=(1, 2))
                                                             & (np.ptp(v.volume[1:], axis=(1, 2)) > 0))),
        {"stack.missing_share": 1}),
]  # fmt: skip
