"""A shard of a dataset: the part that one of several machines renders, in a file of its own that says so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mitodata.cluster.shard import Shard, ShardError
from mitodata.errors import DataError
from mitodata.hdf5.layout import Provenance
from mitogen.rendering.job import Job
from mitogen.rendering.versions import versions


def shard_provenance(shard: Shard, job: Job, images: Sequence[int]) -> Provenance:
    """Return what the file of a shard says about where its images come from.

    Args:
        shard: which one.
        job: what is rendered.
        images: all images of the dataset.
    """
    whole = job.provenance(images)
    note = {
        "number": shard.number,
        "of": shard.of,
        "images": len(images),
        "source": whole.source,
        "job": job.fingerprint(),
        "versions": versions(),
    }
    return replace(whole, source=f"{whole.source} --shard {shard}", shard=json.dumps(note))


@dataclass(frozen=True)
class Note:
    """What the file of a shard says about itself.

    Attributes:
        shard: which one it is.
        images: how many images the whole dataset has.
        own_images: how many of them this shard has.
        source: attribute `source` of the whole dataset.
        job: fingerprint of the job.
        versions: of the program and its libraries that rendered it.
    """

    shard: Shard
    images: int
    own_images: int
    source: str
    job: str
    versions: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> "Note":
        """Read the attribute `shard` of a file.

        Raises:
            DataError: it is missing or damaged.
        """
        try:
            content = json.loads(text)
            shard = Shard(int(content["number"]), int(content["of"]))
            images, found = int(content["images"]), dict(content["versions"])
            own = len(shard.cut(range(images), "images"))
            return cls(shard, images, own, str(content["source"]), str(content["job"]), found)
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, ShardError) as error:
            raise DataError("is not a shard; expected a file that `mitogen render --shard` wrote") from error
