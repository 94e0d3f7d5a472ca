"""What an adaptation has marked in the user's own images, against forgetting what the labels do not show."""

from pathlib import Path

import torch
from torch import Tensor

from mitodata.files import write_atomic
from mitodata.hdf5.dataset import Dataset
from mitoseg.config.settings import FitConfig
from mitoseg.data import Patches, single_sections
from mitoseg.inference.model import Model
from mitoseg.inference.orthoplanes import AXES
from mitoseg.transfer.adaptation.pseudo_labels import MarkedSections
from mitoseg.transfer.adaptation.record import RECORD, marks_path, read_record
from mitoseg.transfer.adaptation.views import looks_of

REMEMBERED = "remembered.h5"
"""File of a run that holds them: parts of the images, with marks of a model."""


def find_remembered(model: Model) -> Path | None:
    """Find what a model was adapted to, in the folder that it lies in; None if it was not, or if that is gone.

    A model that was fine-tuned hands on what it had itself.

    Raises:
        RunError: the folder is that of an adaptation, and cannot be read.
    """
    place = Path(model.name)
    folder = place if place.is_dir() else place.parent
    path = folder / REMEMBERED
    if (folder / RECORD).exists():
        path = marks_path(folder, read_record(folder).kept)
    return path if path.exists() else None


def keep_remembered(model: Model, run: Path) -> list[str]:
    """Copy it into the folder of a run, if there is any; returns what a user should know of it, in lines.

    Raises:
        DataError: it is damaged, or cannot be written.
        RunError: as `find_remembered`.
    """
    found = find_remembered(model)
    if found is None:
        return []
    with Dataset(found) as file:
        parts, voxels = len(file), sum(part.raw.size for part in file)
    write_atomic(run / REMEMBERED, found.read_bytes())
    size = f"{parts} part{'s' * (parts > 1)} of your images, {voxels / 1e6:.1f} million voxels"
    return [f"against forgetting: {size}, as the adapted model marks them"]


class RememberedPatches:
    """An endless sequence of patches, each with what the model was sure of; the rest is ignored."""

    def __init__(self, path: Path, model: Model, config: FitConfig) -> None:
        """Read them.

        Args:
            path: from `keep_remembered`.
            model: volumes are seen across three axes where it does so.
            config: settings of the patches.

        Raises:
            DataError: the file is damaged.
        """
        with Dataset(path) as file:
            blocks = [part for part in file if part.mask is not None]
        axes = [
            (0, 1, 2) if looks_of(model, block.raw.shape, block.voxel_size_nm) == len(AXES) else (0,)
            for block in blocks
        ]
        sections = MarkedSections(blocks, [block.mask for block in blocks if block.mask is not None], axes)
        settings = config.model_copy(update={"target": "semantic", "workers": 0})
        self._patches = Patches(sections, list(single_sections(sections.slabs())), settings)

    def batch(self, first: int, count: int) -> Tensor:
        """Patches number `first` to `first + count - 1`: (count, 3, Y, X) float32, grey, foreground, ignored share."""
        return torch.stack([self._patches[number] for number in range(first, first + count)])
