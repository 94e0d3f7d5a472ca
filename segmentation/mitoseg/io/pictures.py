"""Names of pictures and of what is made of them."""

from mitoseg.io.inputs import PICTURES, unique_names

__all__ = ["PICTURES", "unique_names"]
