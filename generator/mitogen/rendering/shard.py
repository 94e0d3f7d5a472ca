"""A shard: the part of a dataset that one of several machines renders, in a file of its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mitodata.errors import DataError
from mitodata.hdf5.layout import Provenance
from mitogen.rendering.job import Job, RenderError
from mitogen.rendering.versions import versions


@dataclass(frozen=True)
class Shard:
    """One of the equal shares into which the images of a dataset are cut, in order.

    Attributes:
        number: which, from 1 on.
        of: how many there are.

    Raises:
        RenderError: there is no such shard.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise RenderError(f"shard {self}: expected 1/{self.of} to {self.of}/{self.of}")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def cut(self, images: Sequence[int]) -> Sequence[int]:
        """Return the numbers of the images of this shard, of all `images` of the dataset.

        Raises:
            RenderError: there are fewer images than shards.
        """
        if self.of > len(images):
            raise RenderError(f"shard {self} of {len(images)} images: expected at most as many shards as images")
        first, stop = ((number * len(images)) // self.of for number in (self.number - 1, self.number))
        return images[first:stop]

    def provenance(self, job: Job, images: Sequence[int]) -> Provenance:
        """Return what the file of this shard says about where its images come from.

        Args:
            job: what is rendered.
            images: all images of the dataset.
        """
        whole = job.provenance(images)
        note = {
            "number": self.number,
            "of": self.of,
            "images": len(images),
            "source": whole.source,
            "job": job.fingerprint(),
            "versions": versions(),
        }
        return replace(whole, source=f"{whole.source} --shard {self}", shard=json.dumps(note))


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
            own = len(shard.cut(range(images)))
            return cls(shard, images, own, str(content["source"]), str(content["job"]), found)
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, RenderError) as error:
            raise DataError("is no shard; expected a file that `mitogen render --shard` wrote") from error
