"""The table of importers, one a format, and which of them fits a folder or file."""

from pathlib import Path

from mitodata.errors import DataError
from mitodata.importers.formats.dsb2018 import DSB2018
from mitodata.importers.formats.epfl import EPFL
from mitodata.importers.formats.hdf5 import HDF5
from mitodata.importers.formats.images import IMAGES
from mitodata.importers.formats.kasthuri import KASTHURI
from mitodata.importers.formats.mitoem import MITOEM
from mitodata.importers.formats.mitoverse import MITOVERSE
from mitodata.importers.formats.ome_zarr import OME_ZARR
from mitodata.importers.formats.pairs import PAIRS
from mitodata.importers.formats.vnc import VNC
from mitodata.importers.importer import Importer

IMPORTERS: dict[str, Importer] = {
    importer.name: importer
    for importer in (EPFL, VNC, KASTHURI, MITOEM, MITOVERSE, OME_ZARR, DSB2018, PAIRS, HDF5, IMAGES)
}
"""Every format by name, in the order in which `recognise` tries them: the particular before the general."""


def recognise(path: str | Path) -> str:
    """Say which importer fits a folder or file.

    Raises:
        DataError: there is no such path, or none fits; names what was looked for.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if "kasthuri" in path.resolve().as_posix().lower() and KASTHURI.recognises(path):
        return KASTHURI.name
    for importer in IMPORTERS.values():
        if importer.recognises(path):
            return importer.name
    wanted = "; ".join(f"{importer.name}: {importer.expects}" for importer in IMPORTERS.values())
    raise DataError(f"{path}: no known layout; looked for {wanted}")
