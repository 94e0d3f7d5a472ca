"""The shared data layer: samples, one HDF5 format, importers of real data, downloads of public sets."""

from mitodata.errors import DataError, MitoError, RecipeError, RunError, WriteError
from mitodata.sample import IGNORE, Sample, VoxelSize

__all__ = ["IGNORE", "DataError", "MitoError", "RecipeError", "RunError", "Sample", "VoxelSize", "WriteError"]
