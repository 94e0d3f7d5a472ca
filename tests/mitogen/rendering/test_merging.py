"""Shards rendered apart are the file of one unbroken run, and what does not belong together is refused by name."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from mitodata import DataError
from mitodata.cluster.shard import Shard
from mitodata.hdf5.dataset import Dataset, validate, write_dataset
from mitogen.recipe.recipe import Recipe, load_recipe
from mitogen.rendering.dataset import render_dataset
from mitogen.rendering.job import Job
from mitogen.rendering.merging import merge_shards

pytestmark = pytest.mark.usefixtures("no_processes")
STANDIN = Path(__file__).parents[1] / "standin"
SHAPE = (1, 24, 24)


@pytest.fixture(autouse=True)
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.syspath_prepend(STANDIN)
    import standin

    return Job(Recipe(), 3, SHAPE, compartments=True, renderer=standin.quick)


def render(job: Job, path: Path, images: int | Sequence[int], shard: Shard | None = None) -> Path:
    render_dataset(job, path, images, 1, shard=shard, progress=False)
    return path


def shards(job: Job, folder: Path, images: int | Sequence[int], of: int) -> list[Path]:
    return [render(job, folder / f"shard-{n}.h5", images, Shard(n, of)) for n in range(1, of + 1)]


@pytest.mark.parametrize("images", [10, range(4, 17), (3, 5, 6, 21)])
def test_merged_shards_are_the_file_of_one_run_byte_for_byte(
    job: Job, tmp_path: Path, images: int | Sequence[int]
) -> None:
    whole = render(job, tmp_path / "whole.h5", images)
    first, second, third = shards(job, tmp_path, images, 3)
    count = merge_shards([third, first, second], tmp_path / "merged.h5", progress=False)
    assert count == (images if isinstance(images, int) else len(images))
    assert (tmp_path / "merged.h5").read_bytes() == whole.read_bytes()


def test_volumes_and_images_of_several_pixel_sizes_are_merged(job: Job, tmp_path: Path) -> None:
    for name, other in (
        ("volumes", replace(job, shape=(3, 16, 16))),
        ("sizes", Job(load_recipe("blobs", overrides=["section.pixel_nm={uniform=[300,400]}"]), 3, (1, 32, 32))),
    ):
        folder = tmp_path / name
        whole = render(other, folder / "whole.h5", 2)
        merge_shards(shards(other, folder, 2, 2), folder / "merged.h5", progress=False)
        assert (folder / "merged.h5").read_bytes() == whole.read_bytes()


def test_a_shard_is_a_dataset_of_its_own(job: Job, tmp_path: Path) -> None:
    path = render(job, tmp_path / "a.h5", 10, Shard(2, 3))
    assert not validate(path)
    with Dataset(path) as dataset:
        assert [dataset.name(number) for number in range(len(dataset))] == ["000003", "000004", "000005"]
        assert dataset.provenance.source == "mitogen render --shard 2/3"


def test_missing_and_doubled_shards_are_named(job: Job, tmp_path: Path) -> None:
    first, second, third = shards(job, tmp_path, 10, 3)
    output = tmp_path / "merged.h5"
    with pytest.raises(DataError, match=r"shard 2 of 3 is missing; .*--shard 2/3"):
        merge_shards([first, third], output)
    (tmp_path / "copy.h5").write_bytes(second.read_bytes())
    with pytest.raises(DataError, match=r"shard-2\.h5 and .*copy\.h5: are both shard 2/3"):
        merge_shards([first, second, third, tmp_path / "copy.h5"], output)
    with pytest.raises(DataError, match=r"shard 1, 2, 3, 4, 5, \.\.\. of 9 is missing"):
        merge_shards([render(job, tmp_path / "last.h5", 10, Shard(9, 9))], output)
    assert not output.exists()


def test_shards_of_other_datasets_are_refused_by_name(job: Job, tmp_path: Path) -> None:
    first = render(job, tmp_path / "a.h5", 10, Shard(1, 2))
    recipe = load_recipe("mito", overrides=["section.thickness_nm=17.5"])
    odd = {
        r"has seed 4, .*a\.h5 has 3": render(replace(job, seed=4), tmp_path / "seed.h5", 10, Shard(2, 2)),
        r"another recipe than .*a\.h5 \(": render(replace(job, recipe=recipe), tmp_path / "b.h5", 10, Shard(2, 2)),
        r"images of 1 x 16 x 16, .*a\.h5 of 1 x 24 x 24": render(
            replace(job, shape=(1, 16, 16)), tmp_path / "size.h5", 10, Shard(2, 2)
        ),
        r"is shard 2/3, .*a\.h5 is 1/2": render(job, tmp_path / "cut.h5", 10, Shard(2, 3)),
        r"part of 12 images .* of 10": render(job, tmp_path / "count.h5", 12, Shard(2, 2)),
        "with other settings": render(replace(job, compartments=False), tmp_path / "plain.h5", 10, Shard(2, 2)),
    }
    for problem, path in odd.items():
        with pytest.raises(DataError, match=rf"{path.name}: .*{problem}") as caught:
            merge_shards([first, path], tmp_path / "merged.h5")
        assert "\n" not in str(caught.value)


def _change(path: Path, **changes: object) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["shard"] = json.dumps(json.loads(file.attrs["shard"]) | changes)


def test_shards_of_another_version_are_refused_by_name(job: Job, tmp_path: Path) -> None:
    first, second = shards(job, tmp_path, 4, 2)
    _change(second, versions={"mitogen-em": "0.0.1"})
    with pytest.raises(DataError, match=r"shard-2\.h5: was rendered with mitogen-em 0\.0\.1 instead of "):
        merge_shards([first, second], tmp_path / "merged.h5")


@pytest.mark.parametrize("images", [0, -3, 1e400, "many", 10**30, 3])
def test_damaged_notes_of_shards_are_refused(job: Job, tmp_path: Path, images: object) -> None:
    first, second = shards(job, tmp_path, 4, 2)
    _change(second, images=images)
    with pytest.raises(DataError, match=r"shard-2\.h5: "):
        merge_shards([first, second], tmp_path / "merged.h5")


def test_other_files_are_no_shards(job: Job, tmp_path: Path) -> None:
    first, second = shards(job, tmp_path, 4, 2)
    whole = render(job, tmp_path / "whole.h5", 4)
    with pytest.raises(
        DataError, match=r"whole\.h5: is not a shard; expected a file that `mitogen render --shard` wrote"
    ):
        merge_shards([first, whole], tmp_path / "merged.h5")
    with pytest.raises(DataError, match="is one of the shards"):
        merge_shards([first, second], second, overwrite=True)
    with Dataset(second) as dataset:
        samples, provenance = list(dataset)[1:], dataset.provenance
    write_dataset(second, samples, provenance, overwrite=True)
    with pytest.raises(DataError, match=r"shard-2\.h5: holds 1 images; shard 2/2 has 2"):
        merge_shards([first, second], tmp_path / "merged.h5")
    assert not (tmp_path / "merged.h5").exists()
