"""One module a format: how labelled images are laid out in files, by laboratories or users.

The files themselves, such as TIFF or Zarr, are read by `mitodata.readers`.
"""
