"""Settings in which single knobs show: QUIET for all of them, and what is added to it."""

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
INNER = MULTIVESICULAR | {"section.pixel_nm": 5, "multivesicular.radius_nm": 300, "multivesicular.darkness": 0}
WHORLS = BODIES | {"multilamellar.density_per_um3": 5}
DROPLETS = BODIES | {"lipid.density_per_um3": 4}
PEROXISOMES = BODIES | {"peroxisomes.density_per_um3": 5, "peroxisomes.core_share": 0}
CORES = PEROXISOMES | {"peroxisomes.core_share": 1, "peroxisomes.core_density": 1.2, "peroxisomes.radius_nm": 250}
ENDOSOMES = BODIES | {"endosomes.density_per_um3": 5, "endosomes.radius_nm": 130}

FIBRES = {
    "tissue.arrangement": 1, "section.pixel_nm": 25, "fibres.tilt_deg": 0, "fibres.diameter_um": 100,
    "vessels.per_1000_um2": 0, "fibres.nuclei_per_1000_um3": 0, "t_tubules.share": 0, "packing.droplets": 0,
    "sarcoplasmic_reticulum.occupancy": 0, "glycogen.occupancy": 0, "fibres.sarcoplasm": 0,
}  # fmt: skip
FIBRILS = FIBRES | {
    "fibres.wave_nm": 0, "sarcomeres.filaments": 0, "sarcomeres.shear": 0, "sarcomeres.jitter_nm": 0,
    "sarcomeres.z_darkness": 0.8, "fibres.fused": 0,
}  # fmt: skip
NO_LINES = {"sarcomeres.z_darkness": 0.27, "sarcomeres.i_darkness": 0.27, "sarcomeres.a_darkness": 0.27}
SEAMS = FIBRILS | {"section.pixel_nm": 15, "fibres.gap_nm": 150, "fibres.spacing_nm": 500}
ROWS_OF_MITOS = FIBRES | {
    "mitochondria.volume_fraction": 0.7, "fibres.wave_nm": 0, "packing.vacancy": 0, "packing.thinning": 0,
    "packing.notch_nm": 0, "mitochondria.roughness": 0,
}  # fmt: skip
BORDERS = FIBRILS | {"section.pixel_nm": 60, "fibres.diameter_um": 6}
VESSELS = FIBRES | {"section.pixel_nm": 100, "vessels.per_1000_um2": 5}
MATRIX = FIBRES | {
    "section.pixel_nm": 20, "fibres.diameter_um": 4, "fibres.endomysium_nm": 3000, "connective.collagen": 0,
    "connective.unevenness": 0,
}  # fmt: skip
CULTURE = {
    "tissue.arrangement": 2, "section.pixel_nm": 60, "loose.debris_per_um3": 0, "microvilli.per_um2": 0,
    "loose.ruffle_nm": 30,
}  # fmt: skip
EPITHELIUM = {
    "tissue.arrangement": 3, "section.pixel_nm": 80, "vessels.per_1000_um2": 0, "epithelium.lumens_per_1000_um3": 0,
    "microvilli.per_um2": 0, "rosettes.share": 0, "nuclei.nucleolus": 0,
}  # fmt: skip
PACKED = EPITHELIUM | {
    "section.pixel_nm": 20, "epithelium.packed": 1, "mitochondria.radius_nm": 250, "mitochondria.volume_fraction": 0.3,
    "packing.thinning": 0, "reticulum.wraps": 0, "reticulum.rough_share": 0,
}  # fmt: skip
ISLET = EPITHELIUM | {"epithelium.cells": 2, "section.pixel_nm": 20, "mitochondria.gap_nm": 0}
ACINI = EPITHELIUM | {"epithelium.cells": 1, "section.pixel_nm": 40, "reticulum.cisternae_share": 0}
KIDNEY = {
    "tissue.arrangement": 4,
    "section.pixel_nm": 40,
    "tubule.brush_border": 0,
    "mitochondria.volume_fraction": 0.3,
}
BRUSH = KIDNEY | {"tubule.height_um": 2, "tubule.folds": 0}

# --- a crowded image that shows most of what there is
EVERYTHING = {
    "section.pixel_nm": 16, "cells.calibre_nm": 200, "cells.loose_vesicles": 0.5, "glia.share": 0.2,
    "cells.dark_share": 0.1, "neurites.density_per_um3": 0.3, "myelin.density_per_um3": 0.1,
    "somata.density_per_um3": 0.01, "somata.radius_nm": 700, "mitochondria.volume_fraction": 0.2,
    "mitochondria.radius_nm": 100, "boutons.share": 0.3,
    "dense_core.occupancy": 0.3, "synapses.share": 0.3, "t_bars.density_per_um2": 3, "reticulum.cisternae_share": 0.4,
    "reticulum.tubule_share": 0.5, "filaments.share": 0.3, "microtubules.occupancy": 0.5, "ribosomes.occupancy": 0.5,
    "golgi.density_per_um3": 2, "lysosomes.density_per_um3": 1, "lipofuscin.density_per_um3": 0.5,
    "multivesicular.density_per_um3": 1, "multilamellar.density_per_um3": 0.5, "lipid.density_per_um3": 0.5,
    "endosomes.density_per_um3": 1, "imaging.noise": 5,
}  # fmt: skip
