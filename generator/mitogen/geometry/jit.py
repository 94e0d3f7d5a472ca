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


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, for a step of a loop over pixels: it is put where it is called, so that a call costs nothing.

    Without it, arrays of a named tuple are handed over one number after the other, for each pixel again.
    """
    return cast(Callable[P, R], numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function))
