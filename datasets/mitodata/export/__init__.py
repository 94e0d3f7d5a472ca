"""Dataset files as other programs want them: plain arrays, COCO's JSON, one PNG an instance, MitoVerse's Zarr."""

from mitodata.export.arrays import export_sample, write_tiff
from mitodata.export.coco import CATEGORY, export_coco
from mitodata.export.instances import export_instances
from mitodata.export.mitoverse import export_mitoverse

__all__ = ["CATEGORY", "export_coco", "export_instances", "export_mitoverse", "export_sample", "write_tiff"]
