"""The pixel size of images that state none: which of them have one size together, and what it is."""
