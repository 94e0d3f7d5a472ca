"""By what DM, MRC and NIfTI files are told: how they start, else their names. Needs none of the libraries."""

DM = (".dm3", ".dm4")
MRC = (".mrc", ".rec", ".st", ".map")
NIFTI = (".nii", ".nii.gz")
VOLUMES = DM + MRC + NIFTI

GZIP = b"\x1f\x8b"
"""How a packed file starts."""

NIFTI_MARKS = ((slice(344, 348), b"n+1\0", b"ni1\0"), (slice(4, 8), b"n+2\0", b"ni2\0"))
"""Of version 1 and 2: where the mark is, what it is in a file of its own, and in one of two files."""

_DM_STARTS = ((b"\0\0\0\3", slice(8, 12)), (b"\0\0\0\4", slice(12, 16)))
_DM_ORDERS = (b"\0\0\0\0", b"\0\0\0\1")
_MRC_MARK = slice(208, 211)
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"BM")


def volume_kind(start: bytes, name: str) -> str:
    """Say which kind of volume a file holds: "dm", "mrc" or "nifti"; an empty string for none of them.

    Args:
        start: the first 348 bytes of the file or more.
        name: of the file; it counts where the start is not that of any known kind.
    """
    if any(start[:4] == mark and start[place] in _DM_ORDERS for mark, place in _DM_STARTS):
        return "dm"
    if start[_MRC_MARK] == b"MAP":
        return "mrc"
    if start[:2] == GZIP or is_nifti(start):
        return "nifti"
    if start.startswith(_PICTURES):
        return ""
    ends = {"dm": DM, "mrc": MRC, "nifti": NIFTI}
    return next((kind for kind, endings in ends.items() if name.lower().endswith(endings)), "")


def is_nifti(start: bytes) -> bool:
    """Whether a file that starts so is a NIfTI, unpacked."""
    return any(start[place] in marks for place, *marks in NIFTI_MARKS)
