"""The HDF5 file: its layout, reading, writing, checks."""
