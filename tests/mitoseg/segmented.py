"""What tests of `mitoseg.inference.segment` share."""

from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitodata.readers.inputs import open_sources
from mitoseg.io.journal import JOURNAL

SIZE = (40.0, 8.0, 8.0)


def read(path: Path) -> NDArray[np.uint8]:
    with closing(open_sources(path, SIZE)) as sources:
        source = next(sources)
        z, y, x = (slice(0, length) for length in source.shape)
        return source.read((z, y, x))


def results(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name != JOURNAL)
