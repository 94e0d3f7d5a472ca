"""File systems without locks, such as NFS without its lock daemon: the work goes on, with a word."""

import errno
import logging
from pathlib import Path

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)

_said: set[int] = set()
_log = logging.getLogger("mitodata")


def known_without_locks(folder: Path) -> bool:
    """Whether `has_no_locks` found before that the file system of a folder has none."""
    return folder.stat().st_dev in _said


def has_no_locks(error: OSError, folder: Path) -> bool:
    """Whether a lock failed because the file system has none; says so once for each file system."""
    if error.errno not in _NO_LOCKS:
        return False
    if (device := folder.stat().st_dev) not in _said:
        _said.add(device)
        _log.warning(
            "%s: a file system without locks; the work goes on without, so let no other program write there", folder
        )
    return True
