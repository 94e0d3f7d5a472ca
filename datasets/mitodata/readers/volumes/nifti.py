"""NIfTI 1 and 2 in one file (.nii, .nii.gz), opened as sources; nibabel reads the header.

Specification: https://nifti.nimh.nih.gov/nifti-1/
"""

import gzip
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.orientations import aff2axcodes
from nibabel.spatialimages import HeaderDataError
from nibabel.volumeutils import apply_read_scaling
from nibabel.wrapstruct import WrapStructError

from mitodata.errors import DataError
from mitodata.readers.axes import Pixels, arrange
from mitodata.readers.damage import heard, readable
from mitodata.readers.source import StoredImage
from mitodata.readers.volumes.marks import GZIP, NIFTI_MARKS, is_nifti
from mitodata.readers.voxel_size import PRINTED_NM, UNKNOWN, Edges, by_axis, edge_nm

_HEADERS = (Nifti1Header, Nifti2Header)
_START_BYTES = 348
_AXES = "xyztcuv"

_log = logging.getLogger("mitodata")


def open_nifti(path: Path) -> Iterator[StoredImage]:
    """Open a NIfTI: an image, a volume, or one for each point in time.

    The first axis of the file is x, the third z, wherever they lie in the scanner. A packed file is unpacked to a
    temporary one that nobody sees.

    Raises:
        DataError: the file is missing or damaged, is half of a pair, or holds colours or complex numbers.
    """
    with readable(path, "NIfTI"), heard("nibabel"), _unpacked(path) as stream:
        header = _read_header(path, stream)
        shape, dtype = header.get_data_shape(), header.get_data_dtype()
        array = np.memmap(stream, dtype, "r", header.get_data_offset(), shape, order="F")
        slope, offset = header.get_slope_inter()
        show = partial(_scale, slope=slope, offset=offset)
        views = list(arrange(array, _AXES[: len(shape)], str(path), np.asarray if slope is None else show))
        edges, points = _stated_edges(path, header), _stated_points(header)
    for number, view in enumerate(views):
        yield StoredImage(path, f"-{number:04d}" if len(views) > 1 else "", view, edges, points=points)


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    """The file, or what it holds where it is packed."""
    with path.open("rb") as stream:
        packed = stream.read(len(GZIP)) == GZIP
        stream.seek(0)
        if not packed:
            yield stream
            return
        with gzip.open(stream) as content, tempfile.TemporaryFile() as whole:
            start = content.read(_START_BYTES)
            if not is_nifti(start):
                raise DataError(f"{path}: is packed with gzip and holds no NIfTI; expected .nii.gz, or unpack it")
            whole.write(start)
            shutil.copyfileobj(content, whole)
            whole.flush()
            whole.seek(0)
            yield whole


def _read_header(path: Path, stream: IO[bytes]) -> Any:
    start = stream.read(_START_BYTES)
    stream.seek(0)
    for kind, (place, whole, half) in zip(_HEADERS, NIFTI_MARKS, strict=True):
        if start[place] == half:
            raise DataError(f"{path}: is half of a pair (.hdr and .img); expected one file .nii or .nii.gz")
        if start[place] == whole:
            try:
                return kind.from_fileobj(stream)
            except (HeaderDataError, WrapStructError) as error:
                raise ValueError(error) from error
    raise ValueError("no mark n+1 or n+2")


def _scale(pixels: Pixels, slope: float, offset: float) -> Pixels:
    return np.asarray(apply_read_scaling(pixels, slope, offset))


def _stated_edges(path: Path, header: Any) -> Edges:
    """The edges of a voxel in nm. What nobody set, and what no electron microscope sees, is not believed."""
    unit = header.get_xyzt_units()[0]
    lengths = [float(length) for length in header.get_zooms()[:3]]
    placed = _is_placed(header)
    by_affine = [float(length) for length in voxel_sizes(header.get_best_affine())][: len(lengths)]
    if placed and by_affine != [1.0] * len(lengths):
        lengths = by_affine
    if all(length == 1 for length in lengths):
        return UNKNOWN
    edges = by_axis({axis: edge_nm(length, unit) for axis, length in zip("xyz", lengths, strict=False)})
    if any(edge is not None and edge >= PRINTED_NM for edge in edges[1:]):
        size = " x ".join(f"{length:g}" for length in reversed(lengths))
        _log.warning("%s: says that a voxel is %s %s; no electron microscope sees that: not believed", path, size, unit)
        return UNKNOWN
    return edges


def _is_placed(header: Any) -> bool:
    """Whether the file says where it lies in space."""
    return bool(header["sform_code"] > 0 or header["qform_code"] > 0)


def _stated_points(header: Any) -> str:
    """Where the axes of the file point in space, such as "RAS"; empty where it does not say."""
    affine = header.get_best_affine()
    if not _is_placed(header) or not np.isfinite(affine).all():
        return ""
    return "".join(letter or "?" for letter in aff2axcodes(affine))
