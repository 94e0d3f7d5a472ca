"""How the inner loops are compiled: one decorator, so that every loop has the same rules.

Numba keeps compiled code on the disk and makes it again when the module of a function has changed, but not when one
has changed that the module imports: what it put into the function from there stays old, and types that have moved
cannot even be read. So here the name under which code is kept follows from all the sources that it was made of.
"""

import re
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` with numba, cached on disk, single-threaded, without reordering of sums.

    Strict IEEE arithmetic keeps the bytes the same for any number of workers; parallelism is between images.
    """
    return _compile(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, for a step of a loop over pixels: it is put where it is called, so that a call costs nothing.

    Without it, arrays of a named tuple are handed over one number after the other, for each pixel again.
    """
    return _compile(function, forceinline=True)


def _compile(function: Callable[P, R], **options: Any) -> Callable[P, R]:
    name = function.__qualname__
    function.__qualname__ = f"{name}-{_hash_of(function.__module__)[:8]}"  # names the files in the cache
    try:
        made = numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        function.__qualname__ = name
    return cast(Callable[P, R], made)


@cache
def _hash_of(module: str) -> str:
    """SHA-256 of a module and of those of the same package that it imports, hexadecimal."""
    spec = None if module == "__main__" else find_spec(module)
    if spec is None or spec.origin is None:  # a script, or typed in
        return ""
    source = Path(spec.origin).read_text(encoding="utf-8")
    digest = sha256(source.encode())
    package = module.partition(".")[0]
    for imported in re.findall(rf"^from ({package}\b[.\w]*) import", source, re.MULTILINE):
        digest.update(_hash_of(imported).encode())
    return digest.hexdigest()
