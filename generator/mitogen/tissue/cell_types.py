"""Types of cells, and what each of them holds."""

from collections.abc import Mapping
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray


class CellType(IntEnum):
    """What a cell profile is."""

    PLAIN = 0
    BOUTON = 1
    GLIA = 2
    DENDRITE = 3
    DARK = 4
    NEURITE = 5
    MYELINATED = 6
    SOMA = 7
    OUTSIDE = 8
    """No cell: resin or a lumen."""
    MUSCLE = 9
    ENDOTHELIUM = 10
    CONNECTIVE = 11
    """No cell: the matrix of connective tissue."""
    CULTURED = 12
    BLEB = 13
    HEPATOCYTE = 14
    ACINAR = 15
    ISLET = 16
    TUBULE = 17
    ERYTHROCYTE = 18


HOLDS: Mapping[CellType, frozenset[str]] = {
    CellType.PLAIN: frozenset(
        {"cytoplasm", "few_ribosomes", "microtubules", "cisternae", "tubules", "golgi", "loose_vesicles", "dense_cores"}
    ),
    CellType.BOUTON: frozenset({"cytoplasm", "packed_vesicles", "loose_vesicles", "dense_cores", "synapses"}),
    CellType.GLIA: frozenset({"cytoplasm", "cisternae", "golgi", "ribosomes", "glycogen"}),
    CellType.DENDRITE: frozenset(
        {
            "cytoplasm",
            "few_ribosomes",
            "microtubules",
            "filaments",
            "cisternae",
            "tubules",
            "golgi",
            "loose_vesicles",
            "dense_cores",
        }
    ),
    CellType.DARK: frozenset({"cytoplasm", "microtubules", "cisternae", "golgi", "ribosomes"}),
    CellType.NEURITE: frozenset(
        {"cytoplasm", "few_ribosomes", "microtubules", "filaments", "cisternae", "tubules", "golgi", "loose_vesicles"}
    ),
    CellType.MYELINATED: frozenset({"cytoplasm", "microtubules", "filaments"}),
    CellType.SOMA: frozenset({"cytoplasm", "stacked_cisternae", "tubules", "golgi", "ribosomes"}),
    CellType.OUTSIDE: frozenset(),
    CellType.MUSCLE: frozenset(
        {"cytoplasm", "few_ribosomes", "myofibrils", "sarcoplasmic_reticulum", "tubules", "glycogen", "basal_lamina"}
    ),
    CellType.ENDOTHELIUM: frozenset({"cytoplasm", "loose_vesicles", "ribosomes", "tubules", "basal_lamina"}),
    CellType.CONNECTIVE: frozenset({"collagen"}),
    CellType.CULTURED: frozenset(
        {"cytoplasm", "microtubules", "cisternae", "tubules", "golgi", "ribosomes", "loose_vesicles", "dense_cores"}
    ),
    CellType.HEPATOCYTE: frozenset(
        {"cytoplasm", "wrapping_cisternae", "tubules", "golgi", "rosettes", "ribosomes", "loose_vesicles"}
    ),
    CellType.ACINAR: frozenset({"cytoplasm", "stacked_cisternae", "golgi", "ribosomes", "zymogen", "basal_lamina"}),
    CellType.ISLET: frozenset(
        {"cytoplasm", "cisternae", "tubules", "golgi", "ribosomes", "insulin", "microtubules", "basal_lamina"}
    ),
    CellType.TUBULE: frozenset(
        {"cytoplasm", "cisternae", "tubules", "golgi", "ribosomes", "loose_vesicles", "basal_lamina"}
    ),
    CellType.BLEB: frozenset({"cytoplasm", "ribosomes"}),
    CellType.ERYTHROCYTE: frozenset({"cytoplasm"}),
}
"""What organelles find in a cell of each type. Without cytoplasm it is no cell, and has no membrane."""


@cache
def types_holding(content: str) -> NDArray[np.bool_]:
    """Which types of cells (T,) hold something.

    Raises:
        KeyError: no type does.
    """
    holds = np.array([content in HOLDS[cell_type] for cell_type in CellType])
    if not holds.any():
        raise KeyError(content)
    holds.setflags(write=False)
    return holds
