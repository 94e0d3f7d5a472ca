"""Tiny DM, MRC and NIfTI files of every trait that is read, or refused, for benchmarks/formats.py."""

import gzip
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mrcfile
import nibabel
import numpy as np
from numpy.typing import NDArray

from format_sizes import Size
from format_traits import GREY, WIDE, Trait

Pixels = NDArray[Any]
Change = Callable[[Any], None]

MICRON = "\u00b5m"

_DM_TYPES = {"i2": (1, 2), "f4": (2, 6), "u1": (6, 8), "i4": (7, 3), "u2": (10, 4)}
"""By the type of pixels: the tag DataType, and how the array is encoded."""


def traits() -> Iterator[Trait]:
    """All of them, table by table."""
    yield from _dm()
    yield from _mrc()
    yield from _nifti()


def sizes() -> Iterator[Size]:
    """Ways in which these files say how large voxels are."""
    um = [(0.008, MICRON), (0.008, MICRON), (0.05, MICRON)]
    yield Size("DM4: um", _dm_file(4, [(GREY, um)]), (50, 8, 8))
    yield Size("DM3: nm, a stack of unknown distance", _dm_file(3, [(GREY, [(8, "nm"), (8, "nm"), (1, "")])]), None)
    yield Size("DM3: one section", _dm_file(3, [(GREY[0], um[:2])]), (8, 8, 8))
    yield Size("DM3: not calibrated", _dm_file(3, [(GREY, [(1, ""), (1, ""), (1, "")])]), None)
    yield Size("DM3: a diffraction pattern", _dm_file(3, [(GREY, [(0.1, "1/nm")] * 3)]), None)
    yield Size("MRC: the cell in Angstrom", _mrc_file(GREY.astype(np.int8), size=(500, 80, 80)), (50, 8, 8))
    yield Size("MRC: 1 Angstrom, as nobody set it", _mrc_file(GREY.astype(np.int8), size=(1, 1, 1)), None)
    yield Size("MRC: no cell", _mrc_file(GREY.astype(np.int8)), None)
    yield Size("MRC: a stack of images", _mrc_file(GREY.astype(np.int8), _as_images, size=(80, 80, 80)), None)
    yield Size("NIfTI: mm, in the affine", _nifti_file(GREY, size=(5e-5, 8e-6, 8e-6)), (50, 8, 8))
    yield Size("NIfTI: um", _nifti_file(GREY, size=(0.05, 0.008, 0.008), unit="micron"), (50, 8, 8))
    yield Size("NIfTI: um, in pixdim alone", _nifti_file(GREY, _no_affine, size=(0.05, 0.008, 0.008)), (50, 8, 8))
    yield Size("NIfTI: 1 mm, as nobody set it", _nifti_file(GREY), None)
    yield Size("NIfTI: 8 mm, meant as nm", _nifti_file(GREY, size=(50, 8, 8)), None)
    yield Size("NIfTI: no unit", _nifti_file(GREY, size=(50, 8, 8), unit="unknown"), None)


def _dm() -> Iterator[Trait]:
    um = [(0.008, MICRON)] * 3
    for version in (3, 4):
        for name, pixels in (("8 bits", GREY), ("16 bits", WIDE), ("floating point", WIDE / np.float32(7))):
            yield Trait("DM", f"DM{version}, {name}, a stack", _dm_file(version, [(pixels, um)]), pixels)
    signed = WIDE.astype(np.int16) - 3000
    yield Trait("DM", "16 bits, signed, one section", _dm_file(3, [(signed[0], um[:2])]), WIDE[:1])
    two = _dm_file(3, [(GREY, um), (GREY[::-1], um)])
    yield Trait("DM", "two images", two, None)
    yield Trait("DM", "the same, one named", two, GREY[::-1], "1")
    yield Trait("DM", "a spectrum", _dm_file(3, [(WIDE[0, 0], um[:1])]), None)
    yield Trait("DM", "cut off", _cut(_dm_file(4, [(GREY, um)])), None)


def _mrc() -> Iterator[Trait]:
    moved = (GREY.astype(np.int16) - 128).astype(np.int8)
    yield Trait("MRC", "mode 0, signed bytes", _mrc_file(moved), GREY)
    yield Trait("MRC", "mode 0, bytes that IMOD left unsigned", _mrc_file(GREY.view(np.int8), _as_imod), GREY)
    yield Trait("MRC", "mode 0, bytes up to 254 by the header", _mrc_file(GREY.view(np.int8), _up_to_254), GREY)
    yield Trait("MRC", "mode 1, 16 bits, signed", _mrc_file(WIDE.astype(np.int16) - 3000), WIDE)
    yield Trait("MRC", "mode 2, floating point", _mrc_file(WIDE / np.float32(7)), WIDE / np.float32(7))
    yield Trait("MRC", "mode 6, 16 bits", _mrc_file(WIDE), WIDE)
    yield Trait("MRC", "mode 12, 16-bit floating point", _mrc_file(WIDE.astype(np.float16)), WIDE.astype(np.float16))
    yield Trait("MRC", "mode 4, complex", _mrc_file(GREY.astype(np.complex64)), None)
    yield Trait("MRC", "mode 101, 4 bits", _mrc_file(moved, _as_4_bits), None)
    yield Trait("MRC", "big-endian", _mrc_file(WIDE.astype(">i2")), WIDE)
    yield Trait("MRC", "one section", _mrc_file(WIDE[0]), WIDE[:1])
    yield Trait("MRC", "sections along x", _mrc_file(WIDE.T.copy(), _along_x), WIDE)
    yield Trait("MRC", "several volumes", _mrc_file(np.stack([WIDE, WIDE[::-1]])), [WIDE, WIDE[::-1]])
    yield Trait("MRC", "before the year 2000: no mark MAP", _mrc_file(WIDE, _without_mark), None)
    yield Trait("MRC", "cut off", _cut(_mrc_file(WIDE)), None)


def _nifti() -> Iterator[Trait]:
    yield Trait("NIfTI", ".nii, 8 bits", _nifti_file(GREY), GREY)
    yield Trait("NIfTI", ".nii.gz, 16 bits", _nifti_file(WIDE, name="a.nii.gz"), WIDE)
    yield Trait("NIfTI", "8 bits, scaled by a slope", _scaled, GREY / np.float64(4) - 7)
    yield Trait("NIfTI", "floating point", _nifti_file(WIDE.astype(np.float64) / 7), WIDE / np.float64(7))
    yield Trait("NIfTI", "version 2", _nifti_file(WIDE, kind=nibabel.Nifti2Image), WIDE)
    yield Trait("NIfTI", "one section", _nifti_file(GREY[:1]), GREY[:1])
    yield Trait("NIfTI", "points in time", _nifti_file(np.stack([WIDE, WIDE[::-1]])), [WIDE, WIDE[::-1]])
    yield Trait("NIfTI", "complex", _nifti_file(GREY.astype(np.complex64)), None)
    yield Trait("NIfTI", "half of a pair", _half, None)
    yield Trait("NIfTI", "something else in gzip", _packed_text, None)
    yield Trait("NIfTI", ".nii, cut off", _cut(_nifti_file(WIDE)), None)
    yield Trait("NIfTI", ".nii.gz, cut off", _cut(_nifti_file(WIDE, name="a.nii.gz")), None)


def _cut(write: Callable[[Path], Path]) -> Callable[[Path], Path]:
    def cut(folder: Path) -> Path:
        path = write(folder)
        content = path.read_bytes()
        path.write_bytes(content[: 2 * len(content) // 3])
        return path

    return cut


def _mrc_file(
    stored: Pixels, change: Change = lambda header: None, size: tuple[float, float, float] | None = None
) -> Callable[[Path], Path]:
    """An MRC as mrcfile writes it, but for what is changed in its header; `size` is (z, y, x) in Angstrom."""

    def write(folder: Path) -> Path:
        path = folder / "a.mrc"
        with mrcfile.new(path) as file:
            file.set_data(stored)
            if size:
                file.voxel_size = size[::-1]
            change(file.header)
        if stored.ndim == 4:
            with mrcfile.open(path, mode="r+") as file:
                file.header.ispg, file.header.mz = 401, stored.shape[1]
        return path

    return write


def _as_imod(header: Any) -> None:
    header.extra2 = b"\0" * 40 + struct.pack("<ii", 1146047817, 0) + b"\0" * 36


def _up_to_254(header: Any) -> None:
    header.dmin, header.dmax = 0, 254


def _as_4_bits(header: Any) -> None:
    header.mode = 101


def _along_x(header: Any) -> None:
    header.mapc, header.mapr, header.maps = 3, 2, 1


def _as_images(header: Any) -> None:
    header.ispg, header.mz = 0, 1


def _without_mark(header: Any) -> None:
    header.map = b"\0\0\0\0"


def _nifti_file(
    stored: Pixels,
    change: Change = lambda image: None,
    *,
    size: tuple[float, float, float] = (1, 1, 1),
    unit: str = "mm",
    kind: Any = nibabel.Nifti1Image,
    name: str = "a.nii",
) -> Callable[[Path], Path]:
    """A NIfTI as nibabel writes it; `stored` is (Z, Y, X) or (T, Z, Y, X), `size` (z, y, x) in `unit`."""

    def write(folder: Path) -> Path:
        image = kind(stored.T, np.diag([*size[::-1], 1.0]))
        image.header.set_xyzt_units(unit)
        change(image)
        nibabel.save(image, folder / name)
        return folder / name

    return write


def _scaled(folder: Path) -> Path:
    path = _nifti_file(GREY)(folder)
    content = bytearray(path.read_bytes())
    content[112:120] = struct.pack("<ff", 0.25, -7)
    path.write_bytes(content)
    return path


def _half(folder: Path) -> Path:
    return _nifti_file(GREY, kind=nibabel.Nifti1Pair, name="a.img")(folder).with_suffix(".hdr").rename(folder / "a.nii")


def _no_affine(image: Any) -> None:
    zooms = image.header.get_zooms()
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    image.header.set_zooms(zooms)
    image.header.set_xyzt_units("micron")


def _packed_text(folder: Path) -> Path:
    (folder / "a.nii.gz").write_bytes(gzip.compress(b"no image " * 100))
    return folder / "a.nii.gz"


def _dm_file(version: int, images: Sequence[tuple[Pixels, Sequence[tuple[float, str]]]]) -> Callable[[Path], Path]:
    """A DM3 or DM4 with a thumbnail before the images, each with scale and unit of its axes x, y, z."""

    def write(folder: Path) -> Path:
        path = folder / f"a.dm{version}"
        path.write_bytes(_DmWriter(version).file(images))
        return path

    return write


class _DmWriter:
    """Writes as little of a DM file as DigitalMicrograph does for an image.

    The structure is described at https://personal.ntu.edu.sg/cbb/info/dmformat/index.html
    """

    def __init__(self, version: int) -> None:
        self._wide = version == 4
        self._number = ">Q" if self._wide else ">I"

    def file(self, images: Sequence[tuple[Pixels, Sequence[tuple[float, str]]]]) -> bytes:
        """The whole file."""
        thumbnail = self._image(23, (4, 4), self._array(5, 16, bytes(64)), [(1, ""), (1, "")])
        listed = [thumbnail] + [self._pixels(pixels, scales) for pixels, scales in images]
        root = self._group([self._entry("ImageList", self._group([self._entry("", image) for image in listed]))])
        start = struct.pack(">I", 4 if self._wide else 3) + struct.pack(self._number, len(root))
        return start + struct.pack(">I", 1) + root + bytes(8)

    def _pixels(self, pixels: Pixels, scales: Sequence[tuple[float, str]]) -> bytes:
        kind, code = _DM_TYPES[pixels.dtype.str[1:]]
        data = self._array(code, pixels.size, np.ascontiguousarray(pixels).tobytes())
        return self._image(kind, pixels.shape, data, scales)

    def _image(self, kind: int, shape: Sequence[int], data: bytes, scales: Sequence[tuple[float, str]]) -> bytes:
        dimensions = [
            self._group([self._entry("Scale", self._value(6, "<f", scale)), self._entry("Units", self._text(unit))])
            for scale, unit in scales
        ]
        calibrations = self._group(
            [self._entry("Dimension", self._group([self._entry("", each) for each in dimensions]))]
        )
        lengths = self._group([self._entry("", self._value(5, "<I", length)) for length in reversed(shape)])
        content = [
            self._entry("Calibrations", calibrations),
            self._entry("Data", data),
            self._entry("DataType", self._value(5, "<I", kind)),
            self._entry("Dimensions", lengths),
        ]
        return self._group([self._entry("ImageData", self._group(content))])

    def _group(self, entries: Sequence[bytes]) -> bytes:
        return b"\1\0" + struct.pack(self._number, len(entries)) + b"".join(entries)

    def _entry(self, name: str, content: bytes) -> bytes:
        is_data = content.startswith(b"%%%%")
        size = struct.pack(">Q", len(content)) if self._wide else b""
        return struct.pack(">BH", 21 if is_data else 20, len(name)) + name.encode() + size + content

    def _value(self, code: int, form: str, value: float) -> bytes:
        return b"%%%%" + self._numbers(1, code) + struct.pack(form, value)

    def _text(self, text: str) -> bytes:
        return self._array(4, len(text), text.encode("utf-16-le"))

    def _array(self, code: int, length: int, content: bytes) -> bytes:
        return b"%%%%" + self._numbers(3, 20, code, length) + content

    def _numbers(self, *numbers: int) -> bytes:
        return b"".join(struct.pack(self._number, number) for number in numbers)
