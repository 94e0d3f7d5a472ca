"""The front door: a model that has adapted itself to unlabelled images, as a run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitodata import MitoError, RunError, WriteError
from mitodata.files import remove_unfinished
from mitoseg.config.files import Paths, as_paths
from mitoseg.data import resolve_recipe
from mitoseg.inference.model import Model, load_model, open_model
from mitoseg.io.image_list import expand
from mitoseg.io.process import LOCK
from mitoseg.training.distributed import ALONE
from mitoseg.training.run_folder import claim_folder, write_environment
from mitoseg.transfer.adaptation.page import write_page
from mitoseg.transfer.adaptation.plan import AdaptPlan
from mitoseg.transfer.adaptation.record import FILES, Record, model_path, read_record, write_model
from mitoseg.transfer.adaptation.rounds import Rounds


@dataclass(frozen=True)
class AdaptResult:
    """How an adaptation ended.

    Attributes:
        run: its folder, which holds the model.
        record: what was done and found.
        page: what shows it.
    """

    run: Path
    record: Record
    page: Path

    @property
    def summary(self) -> str:
        """One line."""
        record = self.record
        before, after = record.judgements[0], record.judgements[record.kept]
        if not record.kept:
            return f"{self.run}: the model is kept as it was: {record.ended}"
        steps = sum(record.steps[: record.kept])
        return (
            f"{self.run}: {record.kept} round{'s' * (record.kept > 1)}, {steps} steps, {record.seconds / 60:.1f} min; "
            f"share found {100 * after.found:.2f} % (before: {100 * before.found:.2f} %), "
            f"agreement {after.agreement:.2f} (before: {before.agreement:.2f})"
        )


def adapt(
    images: Paths,
    run: Path | str,
    start: Model | Path | str | None = None,
    *,
    resume: bool = False,
    report: Callable[[str], object] = lambda _: None,
    **settings: Any,
) -> AdaptResult:
    """Let a model learn from unlabelled images what they look like; the result is a run.

        mitoseg.adapt("stack.tif", "runs/mine", "runs/first", voxel_size_nm=(5, 5, 5))
        mitoseg.segment("runs/mine", "stack.tif", "masks", voxel_size_nm=(5, 5, 5))

    Args:
        images: files as `mitoseg.segment` takes them, or folders; () to go on.
        run: folder, made if it is missing.
        start: the model to begin with, as `mitoseg.load_model` takes it; None for the newest released one.
        resume: go on with what is in the folder.
        report: is told in lines how it goes.
        settings: attributes of `AdaptPlan` by name.

    Raises:
        RunError: the model finds next to nothing; the folder holds a run, or none to go on with; a setting is
            impossible.
        DataError: an image cannot be read, or has no voxel size.
        KeyboardInterrupt: stopped, after saving.
    """
    run = Path(run)
    paths = as_paths(images)
    if resume:
        if paths or start is not None or settings:
            raise RunError("--resume takes images, model and settings from the run; leave them out")
        record, model = _taken_up(run)
    else:
        record, model = _begun(paths, run, start, settings)
    with _at_work(run):
        if not resume:
            _remove_files(run)
            write_model(model_path(run, 0), model)
            record.write(run)
        write_environment(run, model.config.device)
        rounds = Rounds(run, record, model, report)
        page = write_page(run, rounds.work(), rounds.blocks)
        return AdaptResult(run, rounds.finish(), page)


@contextmanager
def _at_work(run: Path) -> Iterator[None]:
    """Work alone in the folder of a run; of a call that fails before it has a model nothing stays.

    Raises:
        KeyboardInterrupt: stopped, with a message that says how to go on.
    """
    with ExitStack() as stack:
        claim_folder(run, ALONE, stack)
        remove_unfinished(run)
        try:
            yield
        except KeyboardInterrupt as stopped:
            if stopped.args:
                raise
            raise KeyboardInterrupt(f"stopped; go on with: mitoseg adapt --resume -o {run}") from None
        except WriteError:
            raise  # with room on the disk it goes on
        except MitoError:
            if not (run / "last.pt").exists():
                _remove_files(run)
                for name in (LOCK, "environment.json"):
                    (run / name).unlink(missing_ok=True)
                with suppress(OSError):
                    run.rmdir()  # unless there was something in it before
            raise


def _taken_up(run: Path) -> tuple[Record, Model]:
    """Read how far an adaptation is.

    Raises:
        RunError: there is none, or it is finished.
    """
    record = read_record(run)
    if record.done:
        raise RunError(f"{run}: is finished; to adapt further start from it in another folder (--from {run})")
    return record, load_model(model_path(run, 0))


def _begun(
    paths: Sequence[Path], run: Path, start: Model | Path | str | None, settings: Mapping[str, Any]
) -> tuple[Record, Model]:
    """Check what is asked for before anything is written.

    Raises:
        MitoError: it is not possible.
    """
    if (run / "last.pt").exists():
        raise RunError(f"{run}: holds a run already; add --resume to go on with it, or choose another folder")
    plan = AdaptPlan(images=tuple(str(path.resolve()) for path in expand(paths)), **_chosen(settings))
    resolve_recipe(plan.recipe)
    model = open_model(start)
    model.check_weights()
    return Record(plan, model.name or "the model"), model


def _chosen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that are not left as they are; steps take the place of minutes."""
    given = {name: value for name, value in settings.items() if value is not None}
    return {"minutes": None, **given} if "steps" in given else given


def _remove_files(run: Path) -> None:
    """Remove what an adaptation leaves on its way, also one that was killed before it had a model."""
    for pattern in FILES:
        for path in run.glob(pattern):
            path.unlink(missing_ok=True)
