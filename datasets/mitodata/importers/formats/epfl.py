"""The EPFL (Lucchi) volumes: the official TIFF files, or Lucchi++."""

from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.folders import locate
from mitodata.importers.formats.plusplus import holds_splits, split_stacks
from mitodata.importers.importer import Importer, Options, choose_split
from mitodata.importers.masks import binarise, read_mask
from mitodata.importers.stack import Stack
from mitodata.readers.inputs import open_images
from mitodata.readers.source import Shown

_EXPECTS = "training.tif + training_groundtruth.tif (or testing...), or Train_In + Train_Out (Lucchi++)"
_SPLITS = {"train": "training", "test": "testing"}


def _find(path: Path, options: Options) -> list[Stack]:
    folder = locate(path, _fits, _EXPECTS)
    if holds_splits(folder):
        return choose_split(split_stacks(folder, read_mask), options.split, folder)
    stacks = {split: _tiff_pair(folder, name) for split, name in _SPLITS.items() if _image(folder, name).exists()}
    return choose_split(stacks, options.split, folder)


def _fits(folder: Path) -> bool:
    return holds_splits(folder) or any(_image(folder, name).exists() for name in _SPLITS.values())


def _image(folder: Path, name: str) -> Path:
    return folder / f"{name}.tif"


def _tiff_pair(folder: Path, name: str) -> Stack:
    image, mask = _image(folder, name), folder / f"{name}_groundtruth.tif"
    if not mask.exists():
        raise DataError(f"{mask}: no such file; expected the masks of {image.name}")
    raw, truth = next(open_images(image)), next(open_images(mask, shown=Shown.COLOURS))
    depth, masks = raw.array.shape[0], truth.array.shape[0]
    if depth != masks:
        raise DataError(f"{mask}: holds {masks} sections, {image.name} {depth}; expected as many")
    return Stack(
        name=name,
        sections=[f"{name} {z}" for z in range(depth)],
        raw=raw.section,
        mask=lambda z: binarise(truth.section(z), mask),
        one_image=True,
    )


def _recognises(path: Path) -> bool:
    try:
        folder = locate(path, _fits, _EXPECTS)
    except DataError:
        return False
    # Kasthuri++ shares the folders, but only Lucchi++ numbers its masks without leading zeros.
    tiff = not holds_splits(folder)
    return tiff or any((folder / out / f"{n}.png").exists() for out in ("Train_Out", "Test_Out") for n in (0, 1))


EPFL = Importer(
    name="epfl",
    description="EPFL hippocampus CA1, FIB-SEM (Lucchi)",
    expects=_EXPECTS,
    find=_find,
    recognises=_recognises,
    voxel_size_nm=(5.0, 5.0, 5.0),
    volume=True,
    options=frozenset({"split"}),
    licence="EPFL CVLab, research use",
    citation="Lucchi et al., Supervoxel-Based Segmentation of Mitochondria in EM Image Stacks With Learned Shape "
    "Features, IEEE Transactions on Medical Imaging 31(2), 2012; Lucchi++: Casser et al., Fast Mitochondria Detection "
    "for Connectomics, MIDL 2020",
)
