"""The share of a volume that one of several processes predicts."""

import logging
from pathlib import Path
from typing import Unpack

from mitodata import DataError
from mitodata.cluster.progress import Progress
from mitodata.cluster.shard import Shard
from mitoseg.config.files import Paths, as_paths
from mitoseg.inference.model import Model, open_model
from mitoseg.inference.parts.division import list_blocks
from mitoseg.inference.parts.job import PARTS, Job
from mitoseg.inference.parts.volume import plan_volume
from mitoseg.inference.parts.work import Work, kept
from mitoseg.inference.segment import Results, made
from mitoseg.inference.segment_image import SegmentKeywords, SegmentOptions, make_options
from mitoseg.io.image_list import expand, unique_names

_log = logging.getLogger("mitoseg")


def predict_shard(
    model: Model | Path | str | None,
    paths: Paths,
    folder: Path | str,
    shard: Shard,
    **keywords: Unpack[SegmentKeywords],
) -> Path | None:
    """Predict one of the equal shares of a volume, for `mitoseg.inference.parts.merging.merge_parts`.

    Blocks that are there already stay, whoever made them: a call that was stopped goes on, also as another share.

    Args:
        model: as of `mitoseg.segment`; its file must lie under the same path on all machines.
        paths: one volume.
        folder: where the results go; the parts lie in a folder in it, which all machines see.
        shard: which share.
        keywords: see `SegmentKeywords`; the same for all shares.

    Returns:
        The folder of the parts; None if the results are there already.

    Raises:
        DataError: the volume cannot be read or is not alone; parts or results are there that were made otherwise.
        ShardError: there are fewer blocks than shares.
        RunError: as `mitoseg.segment`.
        KeyboardInterrupt: stopped; its message says what is kept.
    """
    options, model, folder = make_options(**keywords), open_model(model), Path(folder)
    with made(folder):
        job = begin(model, paths, folder, options, shard)
        if job is None:
            return None
        work = Work(job, model)
        own = shard.cut(work.blocks, "blocks")
        work.record(shard=str(shard))
        _measure(work, shard)
        done = [block for block in own if work.path(block).exists()]
        with kept(work), Progress("block", len(own), len(done), verb="predicted") as bar:
            for block in own:
                if not work.path(block).exists():
                    work.predict(block)
                    bar.advance(1)
    return job.folder


def begin(model: Model, paths: Paths, folder: Path, options: SegmentOptions, shard: Shard | None = None) -> Job | None:
    """Make the folder of the parts of a volume, or check what is in it; None if the results are there already.

    Nothing is written before all is known that could be wrong with the call.

    Raises:
        DataError, RunError: as `predict_shard`.
    """
    images = expand(as_paths(paths))
    if len(images) > 1:
        raise DataError(f"{len(images)} images; expected one volume, which several processes predict together")
    _, arrays = plan_volume(images[0], model, options)
    if shard:
        shard.cut(list_blocks(arrays), "blocks")
    (name,) = unique_names(images)
    if not Results(model, folder, options).wanted(name, images[0]):
        _log.warning("%s: results are there already; to make them again: --overwrite", images[0])
        return None
    job = Job.of(folder / f"{name}{PARTS}", images[0], model, options)
    job.claim(options.overwrite)
    return job


def _measure(work: Work, shard: Shard) -> None:
    """Measure the sections of the volume together with the other shares, from another place on each.

    Nobody waits for anybody: what others have not done by then, this process does as well.
    """
    first = (shard.number - 1) * len(work.ranges) // shard.of
    with kept(work):
        for places in (*work.ranges[first:], *work.ranges[:first]):
            if not work.facts_path(places).exists():
                work.measure(places)
