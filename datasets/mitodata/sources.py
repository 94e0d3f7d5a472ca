"""Public real datasets: where they are, what they hash to, under which licence, and what to cite."""

from dataclasses import dataclass

from mitodata.importers import IMPORTERS
from mitodata.sample import VoxelSize


@dataclass(frozen=True)
class Archive:
    """One ZIP file to download.

    Attributes:
        url: where it is.
        sha256: what it must hash to, hexadecimal.
    """

    url: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """A public dataset.

    Attributes:
        name: as used on the command line.
        importer: name of the importer that reads it.
        archives: what to download.
        description: one line.
        licence: under which it may be used.
        citation: what to cite.
        voxel_size_nm: (z, y, x) in nm.
    """

    name: str
    importer: str
    archives: tuple[Archive, ...]
    description: str
    licence: str
    citation: str
    voxel_size_nm: VoxelSize


def _source(name: str, importer: str, size: VoxelSize, *archives: Archive) -> Source:
    """Describe a source in the words of its importer, so that both say the same."""
    known = IMPORTERS[importer]
    return Source(name, importer, archives, known.description, known.licence, known.citation, size)


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        _source(
            "lucchi++",
            "epfl",
            (5.0, 5.0, 5.0),
            Archive(
                "http://www.casser.io/files/lucchi_pp.zip",
                "770ce9e98fc6f29c1b1a250c637e6c5125f2b5f1260e5a7687b55a79e2e8844d",
            ),
        ),
        _source(
            "kasthuri++",
            "kasthuri",
            (30.0, 3.0, 3.0),
            Archive(
                "http://www.casser.io/files/kasthuri_pp.zip",
                "bbb78fd205ec9b57feb8f93ebbdf1666261cbc3e0305e7f11583ab5157a3d792",
            ),
        ),
        _source(
            "vnc",
            "vnc",
            (50.0, 4.6, 4.6),
            Archive(
                "https://github.com/unidesigner/groundtruth-drosophila-vnc/archive/refs/heads/master.zip",
                "f7bd0db03c86b64440a16b60360ad60c0a4411f89e2c021c7ee2c8d6af3d7e86",
            ),
        ),
        _source(
            "mitoem-rat",
            "mitoem",
            (30.0, 8.0, 8.0),
            Archive(
                "https://huggingface.co/datasets/pytc/EM30/resolve/main/EM30-R-im.zip",
                "6a2cac68adde5d01984542d3ee1d7753d1fa3e6eb2a042ce15ce297c95885bbe",
            ),
            Archive(
                "https://huggingface.co/datasets/pytc/MitoEM/resolve/main/EM30-R-mito-train-val-v2.zip",
                "c56380ac575428a818bd293ca3509d1249999846c3702ccbf11d308acdd2ae86",
            ),
        ),
    )
}
"""Every source by name."""
