"""What all processes that predict a volume together agree on: the note in the folder of its parts."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from filelock import FileLock, Timeout

from mitodata import DataError, RunError
from mitodata.cluster.versions import difference, versions_of
from mitodata.files import is_draft, write_atomic
from mitodata.locks import has_no_locks
from mitoseg.inference.decoding import Decoding
from mitoseg.inference.model import Model, load_model
from mitoseg.inference.segment import settings_of
from mitoseg.inference.segment_image import SegmentOptions
from mitoseg.io.journal import identity, is_same, shown
from mitoseg.io.process import LOCK

NOTE = "job.json"
"""Name of the note in a folder of parts."""

PARTS = ".parts"
"""How the name of a folder of parts ends."""

_PACKAGES = ("mitogen-em", "numpy", "scipy", "torch", "zarr")
"""The first is this program. Another version of the others may round differently."""

_FREE = ("memory", "overwrite")
"""Options that may differ from process to process."""

_log = logging.getLogger("mitoseg")


def versions() -> dict[str, str]:
    """The version of this program and of the libraries that a prediction depends on, by name."""
    return versions_of(_PACKAGES, "mitodata", "mitoseg")


@dataclass(frozen=True)
class Job:
    """One volume that is predicted in parts.

    Attributes:
        folder: of the parts; what results are called is its name without the ending, and they lie beside it.
        image: the volume.
        model: what `mitoseg.load_model` takes, under a path that all machines see.
        model_name: what results call it.
        agreed: settings, and what tells the image from others: the same for all who work on it; plain values.
    """

    folder: Path
    image: Path
    model: str
    model_name: str
    agreed: Mapping[str, Any]

    @classmethod
    def of(cls, folder: Path, image: Path, model: Model, options: SegmentOptions) -> "Job":
        """The job of a call.

        Raises:
            DataError: the image is not there.
        """
        path = Path(model.name)
        reference = str(path.absolute()) if path.exists() else model.name
        own = {name: value for name, value in asdict(options).items() if name not in _FREE}
        agreed = {**settings_of(model, options), **own, "image": identity(image)}
        return cls(folder.absolute(), image.absolute(), reference, model.name, json.loads(json.dumps(agreed)))

    @classmethod
    def read(cls, folder: Path) -> "Job":
        """The job of a folder of parts.

        Raises:
            DataError: it is none, or was begun by another version.
        """
        content = _read_note(folder)
        try:
            job = cls(
                folder.absolute(), Path(content["image"]), content["model"], content["model_name"], content["agreed"]
            )
            changed = difference(content["versions"], versions())
        except (LookupError, TypeError, AttributeError) as error:
            raise DataError(f"{folder / NOTE}: is damaged; remove the folder, and predict again") from error
        if changed:
            raise DataError(f"{folder}: was begun with {changed}; expected the same on every machine")
        return job

    @property
    def name(self) -> str:
        """What results are called."""
        return self.folder.name.removesuffix(PARTS)

    def options(self, memory: int | None = None, *, overwrite: bool = False) -> SegmentOptions:
        """What is wanted of the volume, with the options that may differ."""
        known = {each.name: self.agreed[each.name] for each in fields(SegmentOptions) if each.name not in _FREE}
        size_nm = known["voxel_size_nm"]
        known |= {"outputs": tuple(known["outputs"]), "voxel_size_nm": size_nm and tuple(size_nm)}
        return SegmentOptions(**known, memory=memory, overwrite=overwrite)

    def open_model(self) -> Model:
        """The model, with the thresholds and the precision of the job.

        Raises:
            RunError: it is not there, or is another one by now.
        """
        model = load_model(self.model)
        if model.fingerprint != self.agreed["model"]:
            raise RunError(
                f"{self.model}: is model {model.fingerprint}; expected {self.agreed['model']}, with which "
                f"{self.folder} was begun"
            )
        agreed = {each.name: self.agreed[each.name] for each in fields(Decoding)}
        decoding = Decoding.from_checkpoint({"decoding": agreed})
        return replace(model, decoding=decoding, precision=self.agreed["precision"], name=self.model_name)

    def check_image(self) -> None:
        """See whether the volume still is the one that the parts are of.

        Raises:
            DataError: it is not, or is gone.
        """
        if not is_same(self.agreed["image"], identity(self.image)):
            raise DataError(f"{self.image}: changed since {self.folder} was begun; remove that folder to start again")

    def claim(self, overwrite: bool) -> None:
        """Make the folder, or check that what lies in it belongs to the same job.

        Args:
            overwrite: drop parts of another job instead of refusing.

        Raises:
            DataError: it holds parts of another model, image or settings, or of another version of the program.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.locked(begun=False):
            if any(path.name != LOCK and not is_draft(path) for path in self.folder.iterdir()):
                problem = self._problem()
                if not problem:
                    return
                if not overwrite:
                    raise DataError(
                        f"{self.folder}: holds parts {problem}; give all jobs the same options and files, or remove "
                        "the folder to start again"
                    )
                for path in self.folder.iterdir():
                    if path.name != LOCK:
                        rmtree(path) if path.is_dir() else path.unlink()
            content = {name: str(value) for name, value in vars(self).items() if name not in ("folder", "agreed")}
            note = {**content, "agreed": self.agreed, "versions": versions()}
            write_atomic(self.folder / NOTE, json.dumps(note, indent=1).encode())

    @contextmanager
    def locked(
        self, doing: str = "measures the image for all", name: str = LOCK, *, begun: bool = True
    ) -> Iterator[None]:
        """Let no other process into the same block with the same folder; where there are no locks, all may be in it.

        Args:
            doing: what is done in the block, for those that wait.
            name: of the file that is locked: another one for each kind of work.
            begun: whether the folder must be that of a job already.

        Raises:
            RunError: the folder cannot be written, or is gone.
        """
        lock = FileLock(self.folder / name, fallback_to_soft=False)
        try:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                _log.warning("%s: waiting for another process, which %s", self.folder, doing)
                lock.acquire()
        except OSError as error:
            if not has_no_locks(error, self.folder):
                raise RunError(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        try:
            if begun and not (self.folder / NOTE).exists():  # another process has removed it, and the lock made it anew
                with suppress(OSError):
                    (self.folder / name).unlink()
                    self.folder.rmdir()
                raise RunError(f"{self.folder}: is gone; another process is through with it, or removed it")
            yield
        finally:
            lock.release()

    def _problem(self) -> str:
        """What tells the parts that are there from those of this job; empty if nothing does."""
        content = _read_note(self.folder)
        before, now = content.get("agreed"), self.agreed
        if not isinstance(before, Mapping):
            return "of nothing that is known"
        for name in (*now, *before):
            if before.get(name) != now.get(name):
                if name == "image":
                    return f"of another image, or of {self.image.name} before it was changed"
                return f"of other settings ({name} {shown(before.get(name))}, now {shown(now.get(name))})"
        changed = difference(content.get("versions") or {}, versions())
        return f"begun with {changed}" if changed else ""


def _read_note(folder: Path) -> Mapping[str, Any]:
    """Read the note of a folder.

    Raises:
        DataError: there is none that can be read.
    """
    try:
        content = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{folder}: is not a folder of parts; expected one that `mitoseg predict --shard` made, such as NAME.parts"
        ) from error
    if not isinstance(content, Mapping):
        raise DataError(f"{folder / NOTE}: is damaged; remove the folder, and predict again")
    return content
