"""Dataset files as a torch Dataset."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mitodata import IGNORE, DataError, Sample
from mitodata.hdf5.dataset import Provenance, write_dataset
from mitoseg import SampleDataset


def make_sample(number: int, shape: tuple[int, int, int], classes: bool = True) -> Sample:
    """A random sample, unknown in its first row."""
    random = np.random.default_rng(number)
    label = ((random.random(shape) > 0.7) * (number + 2)).astype(np.uint16)
    mask = (label > 0).astype(np.uint8)
    mask[:, 0] = IGNORE
    compartment = random.integers(0, 3, shape, dtype=np.uint8) if classes else None
    return Sample(
        random.integers(0, 256, shape, dtype=np.uint8), (40.0, 5.0, 5.0), label, mask, compartment=compartment
    )


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two sections, and two volumes of unequal depth."""
    write_dataset(tmp_path / "a.h5", [make_sample(n, (1, 8, 9)) for n in range(2)], Provenance(classes={0: "x"}))
    write_dataset(
        tmp_path / "b.h5", [make_sample(2, (3, 8, 9)), make_sample(3, (2, 8, 9))], Provenance(classes={0: "x"})
    )
    return [tmp_path / "a.h5", tmp_path / "b.h5"]


def test_images_and_labels_of_several_files(files: list[Path]) -> None:
    dataset = SampleDataset(files, "instances")
    shapes = [(1, 8, 9), (1, 8, 9), (1, 3, 8, 9), (1, 2, 8, 9)]
    assert [tuple(image.shape) for image, _ in (dataset[number] for number in range(4))] == shapes
    image, label = dataset[-1]
    assert (image.dtype, label.dtype) == (torch.float32, torch.int64)
    expected = make_sample(3, (2, 8, 9))
    np.testing.assert_array_equal(image[0].numpy(), expected.raw.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(label.numpy(), expected.label)
    for beyond in (4, -5):
        with pytest.raises(IndexError, match=f"no image {beyond} among 4"):
            dataset[beyond]


def test_sections_of_volumes_one_by_one(files: list[Path]) -> None:
    dataset = SampleDataset(files, as_2d=True)
    assert len(dataset) == 2 + 3 + 2
    for number, z, place in ((2, 0, 2), (2, 2, 4), (3, 0, 5), (3, 1, 6)):
        expected = make_sample(number, (3 if number == 2 else 2, 8, 9))
        np.testing.assert_array_equal(dataset[place][1].numpy(), expected.mask[z])
    batches = list(DataLoader(dataset, batch_size=7))
    assert [tuple(part.shape) for part in batches[0]] == [(7, 1, 8, 9), (7, 8, 9)]
    assert (batches[0][1][:, 0] == IGNORE).all()


def test_compartments_and_a_transform(files: list[Path]) -> None:
    dataset = SampleDataset(files[0], "compartments", transform=lambda image, label: (image[:, :4], label[:4]))
    image, label = dataset[1]
    assert (tuple(image.shape), tuple(label.shape)) == ((1, 4, 9), (4, 9))
    np.testing.assert_array_equal(label.numpy(), make_sample(1, (1, 8, 9)).compartment[0, :4])


def test_what_is_not_there_is_one_line(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="target 'instance'; did you mean instances"):
        SampleDataset(files, "instance")
    write_dataset(tmp_path / "c.h5", [make_sample(0, (1, 8, 9), classes=False)], Provenance())
    with pytest.raises(DataError, match=r"c\.h5: has no compartments"):
        SampleDataset(tmp_path / "c.h5", "compartments")
