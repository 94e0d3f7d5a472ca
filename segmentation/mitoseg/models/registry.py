"""The models that come with the package, by name, and what a user may give where a model is wanted."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from mitodata import RunError
from mitodata.errors import did_you_mean
from mitoseg.networks.checkpoint import checkpoint_of

FOLDER = Path(__file__).parent / "weights"
"""Holds the released models, their cards and `LISTED`."""

LISTED = "released.toml"
"""Names, sizes and checksums of the released models; the last is the newest."""

NO_RELEASE = (
    "this build has no released model; fit one (make demo), and give the folder of the run: --model runs/demo/unet"
)


@dataclass(frozen=True)
class Release:
    """A released model.

    Attributes:
        name: by which users know it.
        size: of its file, bytes.
        sha256: of its file, hexadecimal.
    """

    name: str
    size: int
    sha256: str

    @property
    def path(self) -> Path:
        """Its file."""
        return FOLDER / f"{self.name}.safetensors"

    def check(self, content: bytes) -> None:
        """See whether this is the file that was released.

        Raises:
            RunError: it is not.
        """
        if len(content) != self.size:
            got = f"{len(content):,} bytes; expected {self.size:,}"
        elif sha256(content).hexdigest() != self.sha256:
            got = f"SHA-256 {sha256(content).hexdigest()[:12]}...; expected {self.sha256[:12]}..."
        else:
            return
        raise RunError(f"{self.path}: damaged: {got}: install the package again")


def releases() -> list[Release]:
    """The released models, the newest last.

    Raises:
        RunError: the list of them is missing or damaged.
    """
    path = FOLDER / LISTED
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("models", [])
        return [Release(str(row["name"]), int(row["bytes"]), str(row["sha256"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path}: missing or damaged: install the package again") from error


def find_release(name: str) -> Release | None:
    """The released model of a name; None if there is none."""
    return next((each for each in releases() if each.name == name), None)


def newest_release() -> Release:
    """The model that is taken where the user names none.

    Raises:
        RunError: none is released.
    """
    found = releases()
    if not found:
        raise RunError(NO_RELEASE)
    return found[-1]


def find_model(model: Path | str | None = None) -> Path | Release:
    """What a user means by a model: a file or a folder that exists, else a released model of this name.

    Args:
        model: the folder of a run, a checkpoint, a file made by `mitoseg models export` or `mitoseg export`, or a name;
            None for the newest release.

    Returns:
        A checkpoint or a model's file; or the release.

    Raises:
        RunError: there is no such thing.
    """
    if model is None:
        return newest_release()
    path = Path(model)
    if path.exists():
        return checkpoint_of(path)
    release = find_release(str(model))
    if release is not None:
        return release
    names = [each.name for each in releases()]
    known = f"released models: {', '.join(names)}" if names else "this build has no released model"
    expected = f"expected the folder of a run (mitoseg fit ... -o {model}) or a model's file; {known}"
    raise RunError(f"{model}: not found{did_you_mean(str(model), names, expected)}")


def split_model(paths: Sequence[Path], model: Path | str | None) -> tuple[Path | str | None, tuple[Path, ...]]:
    """Tell the model from the images where it may stand before them.

    The first path is the model where none is given apart and it is a run, a checkpoint or a model's file; or it does
    not exist, and others follow.

    Args:
        paths: the images, perhaps behind a model.
        model: what was given apart; None if nothing.

    Returns:
        The model, None for the newest release; and the images.

    Raises:
        RunError: two models are given, or no image.
    """
    first, *rest = paths
    leads = _is_model(first) or (model is None and bool(rest) and not first.exists())
    if not leads:
        return model, tuple(paths)
    if model is not None:
        raise RunError(f"{first}: is a model, and so is --model {model}; expected one of them, and images")
    if not rest:
        raise RunError(f"{first}: is a model, and there are no images; expected mitoseg predict IMAGES --model {first}")
    return first, tuple(rest)


def _is_model(path: Path) -> bool:
    """Whether a path is the folder of a run, a checkpoint or a model's file, or no path but a released model."""
    if path.is_dir():
        return any((path / name).is_file() for name in ("last.pt", "config.json"))
    return path.suffix in (".pt", ".safetensors", ".onnx") if path.exists() else find_release(str(path)) is not None
