"""Where and with what a number was measured."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mitogen.rendering.process_pool import cores

LIBRARIES = ("mitogen-em", "numpy", "scipy", "numba", "torch", "monai")


def conditions(seed: int) -> str:
    """One paragraph: date, commit, processor, cores, versions, seed."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} at commit {commit()}, seed {seed}, on {cores()} cores of "
        f"{processor()}{gpu()}, {platform.system()}; Python {platform.python_version()}, {libraries}."
    )


def processor() -> str:
    """Name of the processor as the system knows it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def gpu() -> str:
    """The GPU that torch would use, if there is one."""
    import torch

    return f" with {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""


def commit() -> str:
    """The commit that is checked out, and whether the program differs from it."""
    try:
        head = _git("rev-parse", "--short=10", "HEAD")
        changed = _git("status", "--porcelain", "--", "datasets", "generator", "segmentation", "benchmarks")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head} with changes" if changed else head


def _git(*arguments: str) -> str:
    answer = subprocess.run(
        ["git", *arguments], cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()
