"""The blocks of a volume put together: one mask, one numbering, one table."""

import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

from mitodata import DataError
from mitodata.cluster.progress import Progress
from mitodata.cluster.shard import Shard, ShardError
from mitodata.errors import MitoError
from mitodata.files import put_in_place, write_atomic
from mitoseg.inference.measure import table_text
from mitoseg.inference.model import Model
from mitoseg.inference.parts.job import PARTS, Job
from mitoseg.inference.parts.stages import Stage, mended
from mitoseg.inference.parts.tasks import Merge, check_memory
from mitoseg.inference.parts.work import RECORD, Work, kept
from mitoseg.inference.segment import Notes, Results
from mitoseg.inference.segment_image import OUTPUTS, SegmentOptions, make_results, write_layers
from mitoseg.io.journal import files_in
from mitoseg.networks.memory import parse_memory, resident_bytes

_log = logging.getLogger("mitoseg")

_LOCK = ".merge.lock"
"""File in a folder of parts that is locked while a process does what only one can do."""

_WRITING = ("writes the results", _LOCK)
_MOST_NAMED = 5
"""Shares up to which each is named."""


def merge_parts(
    folder: Path | str,
    memory: str | int | None = None,
    *,
    overwrite: bool = False,
    report: Callable[[Path], None] = lambda _: None,
) -> list[Path]:
    """Make the results of a volume whose blocks were predicted: those that one process makes, byte for byte.

    Any number of processes may do so at the same time: they share the work, and one of them writes the last results.
    A call that was stopped goes on. The parts are removed at the end.

    Args:
        folder: of the parts, from `mitoseg.inference.parts.shards.predict_shard`; results lie beside it.
        memory: what the program may take: bytes, or a text such as "2G"; None for no limit.
        overwrite: replace earlier results.
        report: is told of each file that is written.

    Returns:
        Paths of the results that this process gave their names.

    Raises:
        DataError: it is no such folder, blocks are missing or damaged, or the volume or the program changed.
        RunError: the model is gone or another one; results exist that were made otherwise; memory does not suffice.
    """
    path = Path(folder)
    if _merged(path):
        _log.warning("%s: is merged already; nothing is left to do", path)
        return []
    limit = parse_memory(memory) if isinstance(memory, str) else memory
    try:
        job = Job.read(path)
        model = job.open_model()
        return finish(Work(job, model), model, limit, overwrite=overwrite, report=report)
    except MitoError:
        if not _merged_meanwhile(path):
            raise
    _log.warning("%s: another process has written the results", path)
    return []


HELD = (*OUTPUTS, "segmented", "objects")
"""What the name of a result says that it holds, after that of its volume."""

Runner = Callable[[Stage], Iterator[int]]
"""Does all tasks of a stage that are missing, and names each once it is done."""


def finish(
    work: Work,
    model: Model,
    memory: int | None,
    *,
    overwrite: bool,
    report: Callable[[Path], None],
    run: Runner | None = None,
) -> list[Path]:
    """Make the results of a volume; arguments as of `merge_parts`.

    Args:
        work: the volume.
        model: that predicted it.
        memory: as of `merge_parts`.
        overwrite: likewise.
        report: likewise.
        run: does a stage; None: this process does, and whoever else is at it.
    """
    _check_complete(work)
    job, options = work.job, work.job.options(memory, overwrite=overwrite)
    with job.locked(*_WRITING):
        wanted = Results(model, job.folder.parent, options).wanted(job.name, job.image)
    merge = Merge(work) if wanted and work.in_regions else None
    if merge:
        check_memory(memory)
        _go_through(work, merge.stages, run or partial(do_stage, work))
    with job.locked(*_WRITING):
        results = Results(model, job.folder.parent, options, report)
        files = results.wanted(job.name, job.image)
        if files:
            notes = Notes(work.source)
            for line in (*work.notes, *work.tissue.notes(), *_who(job.folder)):
                notes(line)
            made = _deliver(merge, files, model) if merge else _make(work, files, model, options)
            results.keep(made, job.image, notes)
        _remove(job.folder)
    return results.written


def _go_through(work: Work, stages: Sequence[Stage], run: Runner) -> None:
    """Do all tasks of all stages that are missing, stage by stage."""
    with kept(work), mended(stages), Progress("task", sum(stage.count for stage in stages), verb="merged") as bar:
        for stage in stages:
            left = stage.count
            if not stage.done:
                for _ in run(stage):
                    bar.advance(1)
                    left -= 1
                stage.close()
            if left:  # others did so
                bar.advance(left)


def do_stage(work: Work, stage: Stage) -> Iterator[int]:
    """Do all tasks of a stage that are missing, and name each; others may do so at the same time."""
    with work.job.locked("unites the pieces of all regions", _LOCK) if stage.alone else nullcontext():
        for number in stage.missing():
            do_task(work, stage, number)
            yield number


def do_task(work: Work, stage: Stage, number: int) -> None:
    """Do one task of a stage, and note it."""
    started = time.monotonic()
    stage.do(number)
    work.record(
        stage=stage.folder.name,
        task=number,
        seconds=round(time.monotonic() - started, 3),
        resident_bytes=resident_bytes(),
    )


def _deliver(merge: Merge, files: Mapping[str, Path], model: Model) -> Iterator[Path]:
    """Give the results that are whole their names, and write those that one process writes; the table last."""
    for name in sorted(files, key=lambda name: name == "table"):
        with mended(merge.stages):
            _place(merge, name, files[name], model)
        yield files[name]


def _place(merge: Merge, name: str, file: Path, model: Model) -> None:
    if name in merge.zarr:
        put_in_place(merge.zarr[name], file)
    elif name == "table":
        write_atomic(file, table_text(merge.table()).encode())
    else:
        write_layers(name, file, merge.layers, model.name, merge.options)


def _make(work: Work, files: dict[str, Path], model: Model, options: SegmentOptions) -> Iterator[Path]:
    """Make all results in this process."""
    yield from make_results(model, work.source, files, options, negative=work.negative, maps=work.assemble)


def _merged(folder: Path) -> bool:
    """Whether results lie beside a folder of parts that is gone."""
    name = f"{folder.name.removesuffix(PARTS)}_"
    # Those of "cell_2" begin like those of "cell", and say nothing of it.
    held = (file.removeprefix(name).partition(".")[0] for file in files_in(folder.parent) if file.startswith(name))
    return not folder.exists() and any(each in HELD for each in held)


def _merged_meanwhile(folder: Path) -> bool:
    """Whether another process has written the results; waits for one that is at it.

    What a late process would write belongs to what the other one has moved away, so it fails before there are results.
    """
    with suppress(MitoError), Job.read(folder).locked(*_WRITING):
        pass
    return _merged(folder)


def _check_complete(work: Work) -> None:
    """See whether all blocks are there; sections that nobody measured are measured.

    Raises:
        DataError: some are missing; names the shares of the work that they belong to.
    """
    missing = {block.number for block in work.missing_blocks()}
    if missing:
        found = f"{work.job.folder}: {len(missing)} of {len(work.blocks)} blocks are missing"
        raise DataError(f"{found}; {_which(missing, work)}")
    for places in work.missing_ranges():
        work.measure(places)


def _which(missing: set[int], work: Work) -> str:
    """Say which shares of the work are to be done again."""
    shards = [str(line["shard"]) for line in _lines(work.job.folder) if "shard" in line]
    if not shards:
        return "the same command that predicted the others continues"
    try:
        of = Shard.parse(shards[-1]).of
    except ShardError:
        return "run all shares again"
    numbers = [
        number
        for number in range(1, of + 1)
        if missing & {block.number for block in Shard(number, of).cut(work.blocks, "blocks")}
    ]
    named = ", ".join(f"{number}/{of}" for number in numbers[:_MOST_NAMED])
    more = f" and {len(numbers) - _MOST_NAMED} more" if len(numbers) > _MOST_NAMED else ""
    return f"run --shard {named}{more}, or wait for what still runs"


def _who(folder: Path) -> Iterator[str]:
    """Say which machines predicted how many blocks."""
    machines = Counter(str(line["machine"]) for line in _lines(folder) if "block" in line and "machine" in line)
    if machines:
        yield "blocks predicted by " + ", ".join(f"{name}: {count}" for name, count in sorted(machines.items()))


def _lines(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The record of who did what, as far as it can be read."""
    try:
        text = (folder / RECORD).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # the line of a process that was killed
        if isinstance(entry, Mapping):
            yield entry


def _remove(folder: Path) -> None:
    """Remove the parts. A worker that is late finds no folder: it must not hinder the end of the others' work."""
    doomed = folder.with_name(f".{folder.name}.{token_hex(4)}.partial")
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)
