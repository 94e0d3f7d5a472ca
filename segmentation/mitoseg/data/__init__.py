"""What a network learns from: labelled sections, split without leaks, and patches of them."""

from mitoseg.data.likeness import Likeness, favour_alike
from mitoseg.data.loader import make_loader, read_batches
from mitoseg.data.patches import Patches, window_px
from mitoseg.data.rendered import RenderedPatches, first_rendered, render_validation, resolve_recipe
from mitoseg.data.sections import SectionFiles, Sections, Slab
from mitoseg.data.sources import FitData, Sources, open_data, open_rendered, settings_for
from mitoseg.data.splits import Split, single_sections, split_sections, spread, spread_with_foreground

__all__ = [
    "FitData",
    "Likeness",
    "Patches",
    "RenderedPatches",
    "SectionFiles",
    "Sections",
    "Slab",
    "Sources",
    "Split",
    "favour_alike",
    "first_rendered",
    "make_loader",
    "open_data",
    "open_rendered",
    "read_batches",
    "render_validation",
    "resolve_recipe",
    "settings_for",
    "single_sections",
    "split_sections",
    "spread",
    "spread_with_foreground",
    "window_px",
]
