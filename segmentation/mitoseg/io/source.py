"""One image or volume to be segmented: what the shared reader opens."""

from mitodata.readers.source import Source

__all__ = ["Source"]
