"""The blocks of a volume put together: one mask, one numbering, one table."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from mitodata import DataError
from mitodata.cluster.shard import Shard, ShardError
from mitoseg.inference.model import Model
from mitoseg.inference.parts.job import Job
from mitoseg.inference.parts.shards import PARTS
from mitoseg.inference.parts.work import RECORD, Work
from mitoseg.inference.segment import Notes, Results
from mitoseg.io.process import alone_in
from mitoseg.networks.memory import parse_memory

_LOCK = ".merge.lock"
"""File in a folder of parts that is locked while a process puts them together."""

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

    Everything is checked before the first result is written; the parts are removed after the last.

    Args:
        folder: of the parts, from `mitoseg.inference.parts.shards.predict_shard`; results lie beside it.
        memory: what the program may take: bytes, or a text such as "2G"; None for no limit.
        overwrite: replace earlier results.
        report: is told of each file that is written.

    Returns:
        Paths of the results that were written now.

    Raises:
        DataError: it is no such folder, blocks are missing or damaged, or the volume or the program changed.
        RunError: the model is gone or another one; results exist that were made otherwise; another process merges.
    """
    job = Job.read(Path(folder))
    model = job.open_model()
    limit = parse_memory(memory) if isinstance(memory, str) else memory
    return finish(Work(job, model), model, limit, overwrite=overwrite, report=report)


def finish(
    work: Work, model: Model, memory: int | None, *, overwrite: bool, report: Callable[[Path], None]
) -> list[Path]:
    """Make the results of a volume; arguments as of `merge_parts`."""
    _check_complete(work)
    job, options = work.job, work.job.options(memory, overwrite=overwrite)
    with alone_in(job.folder, _LOCK):  # two that write the same results would tear up each other's drafts
        results = Results(model, job.folder.parent, options, report)
        files = results.wanted(job.folder.name.removesuffix(PARTS), job.image)
        if files:
            notes = Notes(work.source)
            for line in (*work.notes, *work.tissue.notes(), *_who(job.folder)):
                notes(line)
            results.write(files, work.source, {}, notes, work.negative, work.assemble)
        _remove(job.folder)
    return results.written


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
