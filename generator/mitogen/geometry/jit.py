"""How the inner loops are compiled: one decorator, so that every loop has the same rules."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` with numba, cached on disk, single-threaded, without reordering of sums.

    Strict IEEE arithmetic keeps the bytes the same for any number of workers; parallelism is between images.
    """
    return cast(Callable[P, R], numba.njit(cache=True, nogil=True, error_model="numpy")(function))
