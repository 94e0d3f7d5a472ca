"""Names of files: those that systems put among images, and one spelling of the others."""

import unicodedata
from pathlib import Path

_SYSTEM = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "$recycle.bin"})


def is_system_file(path: Path) -> bool:
    """Whether a system made this, not a user: `._NAME.png` and `.DS_Store` of macOS, `Thumbs.db` of Windows."""
    return path.name.startswith("._") or path.name.lower() in _SYSTEM


def is_hidden(path: Path) -> bool:
    """Whether this is no image that a user would see in its folder: hidden, or made by a system."""
    return path.name.startswith(".") or is_system_file(path)


def stem(path: Path) -> str:
    """The name of a file without its ending, also without both of .nii.gz."""
    packed = path.suffix.lower() == ".gz"
    return Path(path.stem).stem if packed and path.stem.lower().endswith(".nii") else path.stem


def spell(name: str) -> str:
    """Spell a name in one way: a letter with an accent is two characters on macOS (NFD), one elsewhere (NFC)."""
    return unicodedata.normalize("NFC", name)
