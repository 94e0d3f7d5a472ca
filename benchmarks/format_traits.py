"""Tiny image files of every format and trait that is read, or refused, with the grey levels that they should show.

What is expected is made with numpy alone, not with the readers.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image
from zarr import codecs

Pixels = NDArray[Any]

_NOISE = np.random.default_rng(0).normal(120, 25, (3, 24, 40))
GREY: Pixels = _NOISE.clip(1, 254).astype(np.uint8)
"""Three sections of noise, which has no constant rim."""

WIDE: Pixels = (30 * _NOISE + 200).astype(np.uint16)
"""The same in 12 bits of 16, far from 0."""


@dataclass(frozen=True)
class Trait:
    """A format with one trait.

    Attributes:
        container: heading of the table it is in.
        name: what is special about it.
        write: makes the file in a folder; returns what to open.
        shows: grey levels (Z, Y, X) of any type that should be read, or a list of them for several images; None where
            the file is to be refused.
        dataset: what is named within the file.
        lossy: grey levels that may be off.
    """

    container: str
    name: str
    write: Callable[[Path], Path]
    shows: Pixels | list[Pixels] | None
    dataset: str | None = None
    lossy: int = 0


def tiff(name: str, stored: Pixels, shows: Pixels | None, *, lossy: int = 0, **options: Any) -> Trait:
    """A TIFF as tifffile writes it."""

    def write(folder: Path) -> Path:
        tifffile.imwrite(folder / "a.tif", stored, **{"photometric": "minisblack", **options})
        return folder / "a.tif"

    return Trait("TIFF", name, write, shows, lossy=lossy)


def picture(name: str, image: Callable[[], Image.Image], shows: Pixels | None, lossy: int = 0, **options: Any) -> Trait:
    """A picture as Pillow writes it; the ending is the first word of its name."""

    def write(folder: Path) -> Path:
        path = folder / f"a.{name.split()[0].strip(',').lower()}"
        image().save(path, **options)
        return path

    return Trait("PNG, JPEG, BMP", name, write, shows, lossy=lossy)


def hdf5(
    name: str,
    shape: Pixels,
    shows: Pixels | list[Pixels] | None,
    axes: str = "",
    attributes: Mapping[str, Any] | None = None,
    **options: Any,
) -> Trait:
    """A foreign HDF5 file with one dataset."""

    def write(folder: Path) -> Path:
        with h5py.File(folder / "a.h5", "w") as file:
            dataset = file.create_dataset("volume", data=shape, **options)
            if axes:
                dataset.attrs["axistags"] = json.dumps({"axes": [{"key": axis} for axis in axes]})
            dataset.attrs.update(attributes or {})
        return folder / "a.h5"

    return Trait("HDF5", name, write, shows, "volume")


def ome_zarr(name: str, version: str, axes: str, stored: Pixels, shows: Pixels | None, **options: Any) -> Trait:
    """An OME-Zarr of one level."""

    def write(folder: Path) -> Path:
        group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=2 if version == "0.4" else 3)
        group.create_array("0", data=stored, **options)
        kinds = {"t": "time", "c": "channel"}
        named = [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes]
        scale = {"type": "scale", "scale": [1.0] * len(axes)}
        image: Any = {
            "axes": named,
            "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
            "version": version,
        }
        if version == "0.4":
            group.attrs["multiscales"] = [image]
        else:
            group.attrs["ome"] = {"version": version, "multiscales": [image]}
        return folder / "a.zarr"

    return Trait("Zarr", name, write, shows)


def traits() -> Iterator[Trait]:
    """All of them, table by table."""
    yield from _tiff_pixels()
    yield from _tiff_layouts()
    yield from _pictures()
    yield from _hdf5()
    yield from _zarr()


def _tiff_pixels() -> Iterator[Trait]:
    ramp = np.stack([257 * np.arange(255, -1, -1)] * 3).astype(np.uint16)
    yield tiff("8 bits, one section", GREY[0], GREY[:1])
    yield tiff("8 bits, a page a section", GREY, GREY)
    yield tiff("16 bits", WIDE, WIDE)
    yield tiff("16 bits, big-endian", WIDE, WIDE, byteorder=">")
    yield tiff("12 bits, packed", WIDE.clip(0, 4095), WIDE.clip(0, 4095), bitspersample=12)
    yield tiff("32 bits, signed", WIDE.astype(np.int32) - 3000, WIDE)
    yield tiff("floating point", WIDE / np.float32(7), WIDE / np.float32(7))
    yield tiff("1 bit", GREY > 120, (GREY > 120) * np.uint8(255))
    yield tiff("4 bits", GREY // 16, GREY // 16 * np.uint8(17), bitspersample=4)
    yield tiff("white at 0", 255 - GREY, GREY, photometric="miniswhite")
    yield tiff("palette", 255 - GREY, GREY, photometric="palette", colormap=ramp)
    yield tiff("RGB", np.stack([GREY] * 3, -1), GREY, photometric="rgb")
    yield tiff("RGB, a plane a colour", np.stack([GREY] * 3, 1), GREY, photometric="rgb", planarconfig="separate")
    yield tiff("grey and transparency", np.stack([GREY, GREY // 2], -1), GREY, extrasamples=["unassalpha"])
    yield tiff("CMYK", np.stack([GREY[0]] * 4, -1), None, photometric="separated")
    yield tiff("NaN", np.where(GREY > 150, np.nan, GREY).astype(np.float32), None)
    for name, compression in (("Deflate", "zlib"), ("LZW", "lzw"), ("Zstandard", "zstd"), ("PackBits", "packbits")):
        yield tiff(name, GREY, GREY, compression=compression)
    yield tiff("LZW with predictor, 16 bits", WIDE, WIDE, compression="lzw", predictor=True)
    yield tiff("LERC", GREY, GREY, compression="lerc")
    yield tiff("JPEG 2000", GREY, GREY, compression="jpeg2000")
    yield tiff("JPEG", GREY, GREY, compression="jpeg", compressionargs={"level": 95}, lossy=12)
    colours = {"photometric": "ycbcr", "compression": "jpeg", "compressionargs": {"level": 95}}
    yield tiff("JPEG in colour", np.stack([GREY[0]] * 3, -1), GREY[:1], lossy=12, **colours)


def _tiff_layouts() -> Iterator[Trait]:
    large = np.tile(GREY, (1, 2, 2))
    yield tiff("tiled, BigTIFF", large, large, tile=(16, 16), bigtiff=True)
    yield tiff("ImageJ stack", GREY, GREY, imagej=True, metadata={"axes": "ZYX"})
    yield tiff("ImageJ time series", GREY, GREY, imagej=True, metadata={"axes": "TYX"})
    yield Trait("TIFF", "ImageJ stack above 4 GB: one directory", _one_directory, GREY)
    yield tiff("ImageJ channels", GREY, None, imagej=True, metadata={"axes": "CYX"})
    yield tiff("OME-TIFF", GREY, GREY, ome=True, metadata={"axes": "ZYX"})
    yield tiff("OME-TIFF, channels", GREY, None, ome=True, metadata={"axes": "CYX"})
    yield Trait("TIFF", "OME-TIFF, a file a section", lambda folder: _ome_files(folder, 3), GREY)
    yield Trait("TIFF", "OME-TIFF, a file a section, one missing", lambda folder: _ome_files(folder, 2), None)
    yield tiff("axes named XYZ", GREY.T.copy(), GREY, metadata={"axes": "XYZ"})
    for orientation, stored in (
        (2, GREY[0, :, ::-1]),
        (3, GREY[0, ::-1, ::-1]),
        (4, GREY[0, ::-1]),
        (5, GREY[0].T),
        (6, GREY[0, :, ::-1].T),
        (7, GREY[0, ::-1, ::-1].T),
        (8, GREY[0, ::-1].T),
    ):
        turned = [(274, "H", 1, orientation, True)]
        yield tiff(f"orientation tag {orientation}", stored.copy(), GREY[:1], extratags=turned)
    yield Trait("TIFF", "a smaller copy marked as such", lambda folder: _two_images(folder, 1), GREY[:1])
    yield Trait("TIFF", "a preview not marked as such", lambda folder: _two_images(folder, 0), None)
    yield Trait("TIFF", "the same, the image named", lambda folder: _two_images(folder, 0), GREY[:1], "1")
    yield Trait("TIFF", "pages of several palettes", _palettes, None)
    yield Trait("TIFF", "cut off", _cut_off, None)


def _pictures() -> Iterator[Trait]:
    grey, wide = GREY[:1], WIDE[:1]
    turned = Image.Exif()
    turned[274] = 6
    yield picture("PNG of 8 bits", lambda: Image.fromarray(GREY[0]), grey)
    yield picture("PNG of 16 bits", lambda: Image.fromarray(WIDE[0]), wide)
    yield picture("PNG of 1 bit", lambda: Image.fromarray(GREY[0] > 120), (grey > 120) * np.uint8(255))
    yield picture("PNG in colour", lambda: Image.fromarray(np.stack([GREY[0]] * 3, -1)), grey)
    yield Trait("PNG, JPEG, BMP", "PNG in colour, 16 bits", _deep_png, wide)
    yield picture("PNG with transparency", lambda: Image.fromarray(GREY[0]).convert("LA"), grey)
    yield picture("PNG with palette", lambda: Image.fromarray(GREY[0]).convert("P"), grey)
    yield picture("PNG, turned by EXIF", lambda: Image.fromarray(GREY[0, :, ::-1].T.copy()), grey, exif=turned)
    yield Trait("PNG, JPEG, BMP", "PNG of several images", _animated, None)
    yield picture("JPEG", lambda: Image.fromarray(GREY[0]), grey, 12, quality=95)
    yield picture(
        "JPEG, turned by EXIF", lambda: Image.fromarray(GREY[0, :, ::-1].T), grey, 12, quality=95, exif=turned
    )
    yield picture("JPEG in CMYK", lambda: Image.fromarray(GREY[0]).convert("CMYK"), None)
    yield picture("BMP", lambda: Image.fromarray(GREY[0]), grey)
    yield Trait("PNG, JPEG, BMP", "TIFF called .png", _misnamed, grey)


def _hdf5() -> Iterator[Trait]:
    yield hdf5("(Y, X)", GREY[0], GREY[:1])
    yield hdf5("(Z, Y, X)", GREY, GREY)
    twice = np.concatenate([GREY, GREY])
    yield hdf5("(N, Z, Y, X)", np.stack([twice] * 4 + [255 - twice]), [twice] * 4 + [255 - twice])
    yield hdf5("(2, Z, Y, X) without axes: channels?", np.stack([GREY, GREY]), None)
    yield hdf5("(Y, X, 3) without axes", np.stack([GREY[0]] * 3, -1), None)
    yield hdf5("axistags zyxc, one channel", GREY[..., None], GREY, "zyxc")
    yield hdf5("axistags yxc, three channels", np.stack([GREY[0]] * 3, -1), None, "yxc")
    yield hdf5("axistags xyz", GREY.T, GREY, "xyz")
    yield hdf5("axistags tyx: images", GREY, [GREY[:1], GREY[1:2], GREY[2:]], "tyx")
    yield hdf5("axis_names x, y, z (funlib)", GREY.T, GREY, attributes={"axis_names": ["x", "y", "z"]})
    yield hdf5("axis_names c^, z, y, x", np.stack([GREY] * 6), None, attributes={"axis_names": ["c^", "z", "y", "x"]})
    yield hdf5("of MATLAB", GREY.transpose(0, 2, 1), GREY, attributes={"MATLAB_class": np.bytes_("uint8")})
    yield hdf5("16 bits", WIDE, WIDE)
    chunked: dict[str, Any] = {"chunks": (1, 24, 40)}
    yield hdf5("gzip", GREY, GREY, compression="gzip", **chunked)
    yield hdf5("LZF", GREY, GREY, compression="lzf", **chunked)
    yield hdf5("Blosc", GREY, GREY, **chunked, **hdf5plugin.Blosc())
    yield hdf5("Zstandard", GREY, GREY, **chunked, **hdf5plugin.Zstd())
    yield hdf5("Bitshuffle", GREY, GREY, **chunked, **hdf5plugin.Bitshuffle())
    yield Trait("HDF5", "a filter that nobody has", _unknown_filter, None, "volume")
    yield Trait("HDF5", "a virtual dataset", lambda folder: _virtual(folder, True), GREY, "volume")
    yield Trait(
        "HDF5", "a virtual dataset whose file is missing", lambda folder: _virtual(folder, False), None, "volume"
    )


def _zarr() -> Iterator[Trait]:
    yield ome_zarr("OME-Zarr 0.4", "0.4", "zyx", GREY, GREY)
    yield ome_zarr("OME-Zarr 0.5", "0.5", "zyx", GREY, GREY)
    yield ome_zarr("axes t, c, z, y, x, one of each", "0.4", "tczyx", GREY[None, None], GREY)
    yield ome_zarr("axes y, x", "0.5", "yx", GREY[0], GREY[:1])
    yield ome_zarr("axes x, y, z", "0.4", "xyz", GREY.T.copy(), GREY)
    yield ome_zarr("several channels", "0.5", "cyx", GREY, None)
    yield ome_zarr("Blosc", "0.5", "zyx", GREY, GREY, compressors=codecs.BloscCodec())
    yield ome_zarr("Zstandard", "0.5", "zyx", GREY, GREY, compressors=codecs.ZstdCodec())
    yield ome_zarr("16 bits", "0.5", "zyx", WIDE, WIDE)
    yield Trait("Zarr", "a plain group, the array named", _plain_zarr, GREY, "volumes/raw")
    yield Trait("Zarr", "a plain group, nothing named", _plain_zarr, None)


def _one_directory(folder: Path) -> Path:
    """What ImageJ writes above 4 GB: one directory, behind its section all others."""
    z, height, width = GREY.shape
    text = b"ImageJ=1.54f\nimages=%d\nslices=%d\nloop=false\n\0" % (z, z)
    count = 10
    base = 8 + 2 + count * 12 + 4
    data = base + len(text) + len(text) % 2
    short = 1 << 16
    entries = [
        *((254, 4, 1, 0), (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8 * short), (262, 3, 1, short)),
        *((270, 2, len(text), base), (273, 4, 1, data), (277, 3, 1, short), (278, 4, 1, height)),
        (279, 4, 1, width * height),
    ]
    directory = b"".join(struct.pack(">HHII", *entry) for entry in entries) + struct.pack(">I", 0)
    content = struct.pack(">2sHIH", b"MM", 42, 8, count) + directory + text + b"\0" * (len(text) % 2) + GREY.tobytes()
    (folder / "a.tif").write_bytes(content)
    return folder / "a.tif"


def _ome_files(folder: Path, there: int) -> Path:
    """An OME-TIFF of a file a section, of which `there` are there."""
    names = [f"a_z{z}.ome.tif" for z in range(len(GREY))]
    planes = "".join(
        f'<TiffData IFD="0" FirstZ="{z}" FirstC="0" FirstT="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{z:032d}</UUID></TiffData>'
        for z, name in enumerate(names)
    )
    depth, height, width = GREY.shape
    for z, name in enumerate(names[:there]):
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{z:032d}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
            f'SizeX="{width}" SizeY="{height}" SizeZ="{depth}" SizeC="1" SizeT="1">{planes}</Pixels></Image></OME>'
        )
        tifffile.imwrite(folder / name, GREY[z], description=xml, metadata=None, photometric="minisblack")
    return folder / names[0]


def _two_images(folder: Path, marked: int) -> Path:
    with tifffile.TiffWriter(folder / "a.tif") as file:
        for image, kind in ((GREY[0, ::2, ::2], marked), (GREY[0], 0)):
            file.write(image, subfiletype=kind, photometric="minisblack", metadata=None)
    return folder / "a.tif"


def _palettes(folder: Path) -> Path:
    ramp = np.stack([257 * np.arange(256)] * 3).astype(np.uint16)
    with tifffile.TiffWriter(folder / "a.tif") as file:
        for colours in (ramp, ramp[:, ::-1]):
            file.write(GREY[0], photometric="palette", colormap=colours, contiguous=False, metadata=None)
    return folder / "a.tif"


def _cut_off(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", GREY, photometric="minisblack", compression="zlib")
    content = (folder / "a.tif").read_bytes()
    (folder / "a.tif").write_bytes(content[: len(content) // 2])
    return folder / "a.tif"


def _deep_png(folder: Path) -> Path:
    from imagecodecs import png_encode

    (folder / "a.png").write_bytes(png_encode(np.stack([WIDE[0]] * 3, -1)))
    return folder / "a.png"


def _animated(folder: Path) -> Path:
    images = [Image.fromarray(section) for section in GREY]
    images[0].save(folder / "a.png", save_all=True, append_images=images[1:])
    return folder / "a.png"


def _misnamed(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.tif", GREY[0])
    return (folder / "a.tif").rename(folder / "a.png")


def _unknown_filter(folder: Path) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((1, 24, 40))
        properties.set_filter(32767, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple(GREY.shape)
        made = h5py.h5d.create(file.id, b"volume", h5py.h5t.NATIVE_UINT8, space, properties)
        for z, section in enumerate(GREY):
            h5py.Dataset(made).id.write_direct_chunk((z, 0, 0), section.tobytes(), 0)
    return folder / "a.h5"


def _virtual(folder: Path, there: bool) -> Path:
    layout = h5py.VirtualLayout(GREY.shape, np.uint8)
    layout[...] = h5py.VirtualSource("part.h5", "x", GREY.shape)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_virtual_dataset("volume", layout)
    if there:
        with h5py.File(folder / "part.h5", "w") as file:
            file["x"] = GREY
    return folder / "a.h5"


def _plain_zarr(folder: Path) -> Path:
    group = zarr.open_group(folder / "a.zarr", mode="w")
    group.create_group("volumes").create_array("raw", data=GREY)
    return folder / "a.zarr"
