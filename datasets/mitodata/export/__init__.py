"""Dataset files as other programs want them: plain arrays, COCO's JSON, one PNG an instance, OME-Zarr, MitoVerse."""

from mitodata.export.arrays import export_sample, write_tiff
from mitodata.export.coco import CATEGORY, export_coco
from mitodata.export.instances import export_instances
from mitodata.export.mitoverse import export_mitoverse
from mitodata.export.ome_zarr import export_ome_zarr

__all__ = [
    "CATEGORY",
    "export_coco",
    "export_instances",
    "export_mitoverse",
    "export_ome_zarr",
    "export_sample",
    "write_tiff",
]
