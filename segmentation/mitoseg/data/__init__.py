"""What a network learns from: labelled sections, split without leaks, and patches of them."""

from mitoseg.data.files import Section, SectionFiles
from mitoseg.data.loader import make_loader
from mitoseg.data.patches import Patches, window_px
from mitoseg.data.splits import Split, slices, split_sections, spread

__all__ = [
    "Patches",
    "Section",
    "SectionFiles",
    "Split",
    "make_loader",
    "slices",
    "split_sections",
    "spread",
    "window_px",
]
