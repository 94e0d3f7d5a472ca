"""A contact sheet: every image beside itself with its instances outlined, to see at a glance what a dataset holds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mitodata.files import check_replaceable, is_png, write_atomic
from mitodata.hdf5.dataset import Dataset
from mitodata.sample import Sample
from mitogen.gallery.pictures import cut_plane, grey, outlined, painted, paints, png
from mitogen.rendering.job import Job
from mitogen.tissue.compartments import class_names

_GAP_PX = 8
_SEAM_PX = 2
_CAPTION_PX = 18
_PAPER = (255, 255, 255)
_INK = (40, 40, 40)


@dataclass(frozen=True)
class View:
    """What a sheet shows of one sample.

    Attributes:
        planes: the section; or of a volume its middle planes xy, xz (z downwards) and yz (z to the right), each as a
            sample with Z = 1 whose voxel size is ordered accordingly.
        caption: what stands below.
    """

    planes: tuple[Sample, ...]
    caption: str

    @classmethod
    def of(cls, planes: tuple[Sample, ...], sections: int) -> "View":
        """Look at the planes of a sample with this many sections."""
        return cls(planes, _caption(planes, sections))


def view(sample: Sample) -> View:
    """Look at a sample; of a volume at the planes through its middle."""
    if sample.is_2d:
        return View.of((sample,), 1)
    z, y, x = (size // 2 for size in sample.raw.shape)
    return View.of((cut_plane(sample, 0, z), cut_plane(sample, 1, y), cut_plane(sample, 2, x)), len(sample.raw))


def views_of(path: Path, n: int) -> Iterator[View]:
    """Look at up to `n` samples of a file, spread evenly over it; of volumes only the planes that are shown are read.

    Raises:
        DataError: the file is missing, damaged or no dataset.
    """
    with Dataset(path) as dataset:
        for i in np.linspace(0, len(dataset) - 1, min(n, len(dataset))).round().astype(int):
            shape = dataset.shape(int(i))
            if shape[0] == 1:
                yield view(dataset[int(i)])
                continue
            planes = []
            for axis, size in enumerate(shape):
                window = [slice(None)] * 3
                window[axis] = slice(size // 2, size // 2 + 1)
                planes.append(cut_plane(dataset.read(int(i), (window[0], window[1], window[2])), axis, 0))
            yield View.of(tuple(planes), shape[0])


def classes_of(source: Path | Job) -> Mapping[int, str]:
    """Names of the compartments in a file or of a job; empty if there are none.

    Raises:
        DataError: the file is missing, damaged or no dataset.
    """
    if isinstance(source, Job):
        return class_names() if source.compartments else {}
    with Dataset(source) as dataset:
        return dataset.provenance.classes


def contact_sheet(
    views: Iterable[View], classes: Mapping[int, str] | None = None, columns: int = 2, tile_px: int | None = None
) -> Image.Image:
    """Lay out views in rows: plain, to its right with outlines if it has labels, then painted if it has compartments.

    Args:
        views: what to show.
        classes: names of compartments; those that occur are explained below.
        columns: number of views in a row.
        tile_px: width of one picture; images are scaled to it, labels without blending. None for the image's own
            width, but at least 256 and at most 512.

    Returns:
        An RGB picture. Ignored areas are tinted blue.
    """
    cells: list[Image.Image] = []
    seen: set[int] = set()
    for shown in views:
        cells.append(_cell(shown, classes or {}, tile_px))
        for plane in shown.planes:
            seen.update([] if plane.compartment is None else np.unique(plane.compartment).tolist())
    width, height = (max((cell.size[axis] for cell in cells), default=0) for axis in (0, 1))
    columns = min(columns, max(len(cells), 1))
    wide = _GAP_PX + columns * (width + _GAP_PX)
    high = _GAP_PX + ceil(len(cells) / columns) * (height + _GAP_PX)
    legend = _legend({number: name for number, name in (classes or {}).items() if number in seen}, wide)
    sheet = Image.new("RGB", (wide, high + legend.size[1]), _PAPER)
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        sheet.paste(cell, (_GAP_PX + column * (width + _GAP_PX), _GAP_PX + row * (height + _GAP_PX)))
    sheet.paste(legend, (0, high))
    return sheet


def check_sheet(path: Path) -> None:
    """Refuse, before anything is rendered, a path at which something else lies than a sheet.

    Raises:
        DataError: it is a folder, a device or a file that is no PNG.
    """
    check_replaceable(path, is_png, "a PNG")


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all; it replaces nothing but a PNG.

    Raises:
        DataError: the file cannot be written, or is something else.
    """
    check_sheet(path)
    write_atomic(path, png(sheet))


def _caption(planes: tuple[Sample, ...], sections: int) -> str:
    """Say name, number of instances in view, and size of a voxel; of a section z is the thickness drawn for it."""
    first = planes[0]
    z, y, x = first.voxel_size_nm
    facts = [first.name or "image"]
    if first.labelled:
        ids = np.concatenate([np.unique(plane.label) for plane in planes if plane.label is not None])
        count = np.count_nonzero(np.unique(ids))
        facts.append(f"{count} instance{'' if count == 1 else 's'}")
    thickness = first.params.get("section.thickness_nm", z) if sections == 1 else z
    facts.append(f"{thickness:.3g} x {y:.3g} x {x:.3g} nm")
    if sections > 1:
        facts.append(f"{sections} sections: xy, xz, yz")
    return "   ".join(facts)


def _cell(shown: View, classes: Mapping[int, str], tile_px: int | None) -> Image.Image:
    """Draw one sample: the pictures side by side and a caption below."""
    tile_px = tile_px or min(max(shown.planes[0].raw.shape[2], 256), 512)
    rows = [_pictures(plane, classes, size) for plane, size in zip(shown.planes, _sizes(shown, tile_px), strict=True)]
    blocks = [_joined(pictures) for pictures in zip(*rows, strict=True)]
    width, height = sum(block.size[0] + _SEAM_PX for block in blocks) - _SEAM_PX, blocks[0].size[1]
    cell = Image.new("RGB", (width, height + _CAPTION_PX), _PAPER)
    for i, block in enumerate(blocks):
        cell.paste(block, (i * (block.size[0] + _SEAM_PX), 0))
    ImageDraw.Draw(cell).text((2, height + 2), shown.caption, fill=_INK, font=ImageFont.load_default(12))
    return cell


def _sizes(shown: View, tile_px: int) -> list[tuple[int, int]]:
    """Width and height of each plane in pixels, all at one scale: as many pixels a nm along z as along x."""
    scale = tile_px / (shown.planes[0].raw.shape[2] * shown.planes[0].voxel_size_nm[2])
    return [
        (max(1, round(plane.raw.shape[2] * plane.voxel_size_nm[2] * scale)),
         max(1, round(plane.raw.shape[1] * plane.voxel_size_nm[1] * scale)))
        for plane in shown.planes
    ]  # fmt: skip


def _pictures(plane: Sample, classes: Mapping[int, str], size: tuple[int, int]) -> list[Image.Image]:
    """The pictures of a plane: plain, outlined, painted, as far as it has what they show."""
    pictures = [grey(plane.raw[0], size)]
    if plane.label is not None and plane.mask is not None:
        pictures.append(outlined(pictures[0], plane.label[0], plane.mask[0]))
    if plane.compartment is not None:
        pictures.append(painted(pictures[0], plane.compartment[0], classes))
    return pictures


def _joined(pictures: tuple[Image.Image, ...]) -> Image.Image:
    """Put xz below xy and yz beside it, edges aligned; a section stays as it is."""
    if len(pictures) == 1:
        return pictures[0]
    xy, xz, yz = pictures
    block = Image.new("RGB", (xy.size[0] + _SEAM_PX + yz.size[0], xy.size[1] + _SEAM_PX + xz.size[1]), _PAPER)
    block.paste(xy, (0, 0))
    block.paste(xz, (0, xy.size[1] + _SEAM_PX))
    block.paste(yz, (xy.size[0] + _SEAM_PX, 0))
    return block


def _legend(classes: Mapping[int, str], width: int) -> Image.Image:
    """Explain the colours of compartments in lines of at most `width` pixels; of no height if there are none."""
    font = ImageFont.load_default(12)
    places, x, y = [], _GAP_PX, 0
    for number, paint in paints(classes).items():
        name = classes[number].replace("_", " ")
        room = 16 + ceil(font.getlength(name)) + 2 * _GAP_PX
        if x + room > width and x > _GAP_PX:
            x, y = _GAP_PX, y + _CAPTION_PX
        places.append((x, y, name, paint))
        x += room
    legend = Image.new("RGB", (width, y + _CAPTION_PX + _GAP_PX if places else 0), _PAPER)
    for x, y, name, paint in places:
        ImageDraw.Draw(legend).rectangle((x, y + 3, x + 11, y + 14), fill=paint)
        ImageDraw.Draw(legend).text((x + 16, y + 2), name, fill=_INK, font=font)
    return legend
