import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from mitodata import DataError, RunError, Sample
from mitodata.hdf5.dataset import Dataset, Provenance, write_dataset
from mitoseg.config.settings import FitConfig
from mitoseg.data import (
    Patches,
    SectionFiles,
    Slab,
    make_loader,
    read_batches,
    spread,
    window_px,
)
from mitoseg.networks.normalisation import measure_grey


def test_patch_k_is_the_same_whoever_makes_it(discs: Path, tiny: FitConfig) -> None:
    files, again = SectionFiles([discs]), SectionFiles([discs])
    first, second = Patches(files, files.sections(), tiny), Patches(again, again.sections(), tiny)
    ahead = [first[number] for number in range(5)]
    torch.testing.assert_close(second[3], ahead[3], rtol=0, atol=0)
    batch = next(iter(make_loader(second, 3, 5)))
    torch.testing.assert_close(batch, torch.stack(ahead[3:]), rtol=0, atol=0)


def test_workers_make_the_same_patches_and_end_when_the_batches_are_closed(discs: Path, tiny: FitConfig) -> None:
    files = SectionFiles([discs])
    alone = Patches(files, files.sections(), tiny)
    shared = Patches(files, files.sections(), tiny.model_copy(update={"workers": 1}))
    batches = read_batches(make_loader(shared, 0, None))
    for expected in make_loader(alone, 0, 16):
        assert torch.equal(next(batches), expected)
    assert active_children()
    batches.close()
    assert not active_children()


def test_a_pass_visits_every_section(discs: Path, tiny: FitConfig) -> None:
    files = SectionFiles([discs])
    patches = Patches(files, files.sections(), tiny)
    for number in range(len(patches)):
        patches[number]
    assert len(patches.facts) == len(patches) == 24


def test_windows_of_all_shapes_and_voxel_sizes_have_one_size(
    make_file: Callable[..., Path], draw: Callable[..., Sample], tiny: FitConfig
) -> None:
    path = make_file(draw(0, (1, 20, 300)), draw(1, (3, 200, 90), voxel_nm=5), draw(2, (1, 40, 40), 20.0))
    files = SectionFiles([path])
    patches = Patches(files, files.sections(), tiny)
    assert len(files.sections()) == 5
    window = window_px(tiny)[1:]
    for number in range(len(patches)):
        patch = patches[number]
        assert patch.shape == (3, *window)
        assert torch.isfinite(patch).all()
        # Dark is foreground, whatever was done to the window.
        if patch[1].any():
            assert patch[0][patch[1] > 0.5].mean() < patch[0][patch[1] <= 0.5].mean()


def test_foreground_is_found_when_asked_for(make_file: Callable[..., Path], tiny: FitConfig) -> None:
    shape = (1, 512, 512)
    label = np.zeros(shape, np.uint16)
    label[0, 30:40, 400:410] = 1
    raw = np.random.default_rng(0).integers(90, 110, shape).astype(np.uint8)
    files = SectionFiles([make_file(Sample(raw, (8.0, 8.0, 8.0), label, (label > 0).astype(np.uint8)))])

    def hits(fraction: float) -> int:
        patches = Patches(files, files.sections(), tiny.model_copy(update={"foreground_fraction": fraction}))
        return sum(bool(patches[number][1].any()) for number in range(40))

    assert hits(1.0) == 40
    assert hits(0.0) < 15


def test_ignored_pixels_arrive(make_file: Callable[..., Path], draw: Callable[..., Sample], tiny: FitConfig) -> None:
    sample = draw(0)
    assert sample.mask is not None
    mask = sample.mask.copy()
    mask[:, :, :32] = 255
    files = SectionFiles([make_file(Sample(sample.raw, sample.voxel_size_nm, sample.label, mask))])
    assert float(Patches(files, files.sections(), tiny)[0][2].mean()) == pytest.approx(0.5, abs=0.1)


def test_volumes_give_blocks_to_networks_in_3d(
    make_file: Callable[..., Path], draw: Callable[..., Sample], tiny: FitConfig
) -> None:
    # Slices 16 nm apart become twice as many at 8 nm; the second volume is smaller than a patch on every axis.
    deep, small = draw(0, (24, 90, 70)), draw(1, (3, 20, 20))
    path = make_file(*(replace(sample, voxel_size_nm=(16, 8, 8)) for sample in (deep, small)))
    files = SectionFiles([path])
    config = tiny.model_copy(update={"dimensions": 3, "patch_z_px": 16, "patch_px": 32})
    patches = Patches(files, files.slabs(), config)
    assert patches.window == (20, 40, 40)
    for number in range(6):
        patch = patches[number]
        assert patch.shape == (3, 20, 40, 40)
        assert torch.isfinite(patch).all()
    again = Patches(files, files.slabs(), config)
    assert torch.equal(again[4], patches[4])


def test_grey_and_centres_are_those_of_whole_slices(
    make_file: Callable[..., Path], draw: Callable[..., Sample], tiny: FitConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = draw(0, (20, 200, 90))
    assert sample.mask is not None
    monkeypatch.setattr("mitoseg.data.patches.TILE_ROWS", 64)
    files = SectionFiles([make_file(sample)])
    patches = Patches(files, files.sections(), tiny)
    for number in range(4):
        patches[number]
    assert len(patches.facts) in (16, 20)  # blocks of the file are measured as a whole
    for (_, _, z), facts in patches.facts.items():
        assert facts.grey == measure_grey(sample.raw[z])
        assert 0 < len(facts.centres) <= 64
        assert sample.mask[z][tuple(facts.centres.T)].all()


def test_patches_are_of_tissue_not_of_frames(
    make_file: Callable[..., Path], draw: Callable[..., Sample], tiny: FitConfig
) -> None:
    sample = draw(0, (4, 90, 96))
    assert sample.mask is not None
    framed = np.pad(sample.raw, ((0, 0), (30, 20), (40, 0)), constant_values=240)
    framed[2] = 17
    label = np.zeros(framed.shape, np.uint16)
    mask = np.zeros(framed.shape, np.uint8)
    path = make_file(Sample(framed, sample.voxel_size_nm, label, mask), name="framed")
    files = SectionFiles([path])
    still = tiny.model_copy(update={"augment": tiny.augment.model_copy(update={"enabled": False})})
    patches = Patches(files, files.sections(), still)
    for number in range(40):
        grey = patches[number][0]
        constant = ((grey[1:, 1:] == grey[:-1, 1:]) & (grey[1:, 1:] == grey[1:, :-1])).float().mean()
        assert constant < 0.02, "a frame was cut, or a blank slice"
    assert {z for _, _, z in patches.facts} >= {0, 1, 3}
    assert patches.facts[(0, 0, 0)].inside == (slice(30, 120), slice(40, 136))
    assert patches.facts[(0, 0, 0)].grey == measure_grey(sample.raw[0])


@pytest.mark.slow
def test_memory_stays_flat_for_a_large_file(tmp_path: Path, tiny: FitConfig) -> None:
    path = tmp_path / "large.h5"
    mask = np.zeros((32, 2048, 2048), np.uint8)  # with raw and label 512 MiB
    mask[:, 100:120, 100:120] = 1
    write_dataset(path, [Sample(mask, (8.0, 8.0, 8.0), mask.astype(np.uint16), mask)], Provenance(source="test"))
    code = (
        "import resource, sys; from pathlib import Path; from mitoseg.config.settings import make_config;"
        "from mitoseg.data import Patches, SectionFiles; import torch;"
        "files = SectionFiles([Path(sys.argv[1])]);"
        "patches = Patches(files, files.sections(), make_config(('patch_px=64',)));"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024; before = peak();"
        "[patches[number] for number in range(8)]; print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 250  # three datasets keep up to 64 MiB of blocks each


def test_spread_keeps_both_ends() -> None:
    sections = [Slab(0, number, 0) for number in range(100)]
    assert [section.sample for section in spread(sections, 3)] == [0, 50, 99]
    assert spread(sections[:2], 3) == sections[:2]


def test_unlabelled_files_are_refused(make_file: Callable[..., Path]) -> None:
    path = make_file(Sample(np.zeros((1, 8, 8), np.uint8), (8.0, 8.0, 8.0)))
    with pytest.raises(DataError, match="no labels"):
        SectionFiles([path])


def test_of_many_files_few_are_open(
    make_file: Callable[..., Path], draw: Callable[..., Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mitoseg.data.sections.MOST_OPEN", 2)
    samples = [draw(seed) for seed in range(5)]
    files = SectionFiles([make_file(sample, name=f"file{seed}") for seed, sample in enumerate(samples)])

    def open_now() -> int:
        return sum(file._file is not None for file in files.files)

    assert open_now() <= 2
    for _ in range(2):
        for section, sample in zip(files.sections(), samples, strict=True):
            assert np.array_equal(files.read(section)[0], sample.raw[0])
            assert open_now() <= 2
    files.close()
    assert open_now() == 0


def test_many_files_together_keep_no_more_in_memory_than_one(discs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    def opened(path: Path, cache_bytes: int) -> Dataset:
        kept.append(cache_bytes)
        return Dataset(path, cache_bytes)

    monkeypatch.setattr("mitoseg.data.sections.Dataset", opened)
    SectionFiles([discs])
    (alone,) = kept
    SectionFiles(4 * [discs])
    assert sum(kept[1:]) == alone


@pytest.mark.usefixtures("forked_readers")
def test_what_goes_wrong_in_a_worker_is_one_line(discs: Path, tiny: FitConfig) -> None:
    files = SectionFiles([discs])  # has no compartments
    patches = Patches(files, files.sections(), tiny.model_copy(update={"workers": 1, "target": "compartments"}))
    with pytest.raises(DataError, match="has no compartments") as caught:
        next(read_batches(make_loader(patches, 0, 16)))
    assert "\n" not in str(caught.value)
    assert not active_children(), "the program would wait for them at its end, for they take no signal"


@pytest.mark.usefixtures("forked_readers")
def test_a_worker_that_dies_is_said_in_one_line_when_its_batch_is_awaited(
    discs: Path, tiny: FitConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)  # s
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.2,))  # the same, bound earlier
    files = SectionFiles([discs])
    patches = Patches(files, files.sections(), tiny.model_copy(update={"workers": 1}))
    batches = read_batches(make_loader(patches, 0, None))
    next(batches)
    (worker,) = active_children()
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    # The signal of its death has arrived: in the middle of a step it must not raise.
    weight = torch.ones(3, requires_grad=True)
    weight.sum().backward()
    with pytest.raises(RunError, match=r"a process that reads patches died.*workers=0") as caught:
        list(batches)
    assert "\n" not in str(caught.value)
    assert not active_children()
