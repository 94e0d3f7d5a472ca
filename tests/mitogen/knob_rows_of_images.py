"""Knobs of the microscope, and of what changes from section to section. See `knob_rows`."""

import numpy as np
from knob_measures import (
    blocks_of_8,
    grey,
    local_contrast,
    step_x,
    step_y,
)
from knob_row import Row, falls
from knob_settings import (
    WIDE,
)

IMAGES = [
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
