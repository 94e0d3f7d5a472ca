"""What a voxel of tissue belongs to: the classes of the compartment map that `--labels compartments` writes."""

from enum import IntEnum


class Compartment(IntEnum):
    """A compartment. The number is what the map holds; the name in lower case is what the file calls it.

    Numbers are part of the file format: a new class gets a new number, an old one keeps its own.
    """

    EXTRACELLULAR = 0
    CYTOPLASM = 1
    PLASMA_MEMBRANE = 2
    OUTER_MEMBRANE = 3
    INTERMEMBRANE_SPACE = 4
    INNER_MEMBRANE = 5
    MATRIX = 6
    CRISTA = 7
    VESICLE = 8
    DENSE_CORE_VESICLE = 9
    RETICULUM = 10
    GOLGI = 11
    SYNAPSE = 12
    MYELIN = 13
    NUCLEUS = 14
    NUCLEAR_ENVELOPE = 15
    LYSOSOME = 16
    MULTIVESICULAR_BODY = 17
    LIPID = 18
    ENDOSOME = 19
    FILAMENT = 20
    RIBOSOME = 21
    GLYCOGEN = 22
    MYOFIBRIL = 23
    GRANULE = 24
    PEROXISOME = 25


def class_names() -> dict[int, str]:
    """Give the name of every class by its number, as the file stores it: `{0: "extracellular", ...}`."""
    return {int(compartment): compartment.name.lower() for compartment in Compartment}
