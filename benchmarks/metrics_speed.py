"""Time and memory of our metrics beside those of the libraries that define them, on the same made-up images.

One section of 768 x 1024 with some 60 instances, and a volume of 165 x 768 x 1024 voxels, the size of EPFL's.
"""

import argparse
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.panoptic_quality import compute_panoptic_quality
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, zoom
from skimage.metrics import variation_of_information
from sklearn.metrics import average_precision_score, cohen_kappa_score, roc_auc_score
from torchmetrics.functional.classification import binary_calibration_error

from machine import conditions
from mitoseg import metrics
from steps import write_page

SECTION, VOLUME = (768, 1024), (165, 768, 1024)
Row = tuple[str, Callable[[], object], str, Callable[[], object] | None]


def make_section(seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Probabilities, noisy at the edges, and the truth of a section."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=SECTION), 12)
    field /= field.std()
    logits = 6 * (field + 0.15 * gaussian_filter(rng.normal(size=SECTION), 1) * 3.5 - 1.5)
    return (1 / (1 + np.exp(-logits))).astype(np.float32), (field > 1.5).astype(np.uint8)


def make_volume(seed: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Instances of a volume, predicted and true: the same ones, moved by three voxels."""
    rng = np.random.default_rng(seed)
    small = gaussian_filter(rng.normal(size=(VOLUME[0] // 4 + 2, VOLUME[1] // 4, VOLUME[2] // 4)).astype(np.float32), 3)
    field = zoom(small / small.std(), 4, order=1)[: VOLUME[0]]
    truth = label(field > 1.65)[0].astype(np.uint16)
    return label(np.roll(field, 3, 1) > 1.65)[0].astype(np.uint16), truth


def section_rows(seed: int) -> list[Row]:
    """What is measured on a section: ours, and the library's."""
    probability, truth = make_section(seed)
    prediction, true = np.asarray(probability >= 0.5), truth == 1
    found, instances = label(prediction)[0], label(truth)[0]
    probabilities, classes = torch.from_numpy(probability), torch.from_numpy(truth.astype(np.int64))
    mask, true_mask = torch.from_numpy(prediction)[None, None], torch.from_numpy(true)[None, None]
    ids, true_ids = torch.from_numpy(found), torch.from_numpy(instances)

    def pixels() -> None:
        histogram = metrics.count_probabilities(probability, truth)
        metrics.scores(metrics.confusion(prediction, truth))
        metrics.rank_scores(histogram)
        metrics.threshold_curve(histogram)
        metrics.calibration_error(histogram)

    def histogram() -> metrics.ProbabilityCounts:
        return metrics.count_probabilities(probability, truth)

    def areas() -> None:
        roc_auc_score(true.ravel(), probability.ravel())
        average_precision_score(true.ravel(), probability.ravel())

    def boundary() -> None:
        metrics.compare_outlines(metrics.find_outlines(prediction, truth), (1, 1), 4)

    def matched() -> None:
        metrics.instance_scores(metrics.match_instances(metrics.count_overlaps(found, instances)).counts)

    return [
        ("IoU, Dice, kappa and the other counts of pixels",
         lambda: metrics.scores(metrics.confusion(prediction, truth)),
         "scikit-learn, kappa alone", lambda: cohen_kappa_score(true.ravel(), prediction.ravel())),
        ("ROC AUC and average precision, 300 bins", lambda: metrics.rank_scores(histogram()),
         "scikit-learn, no bins", areas),
        ("calibration error, 15 bins", lambda: metrics.calibration_error(histogram()),
         "torchmetrics", lambda: binary_calibration_error(probabilities, classes)),
        ("all of these", pixels, "", None),
        ("boundary F1 and Hausdorff 95", boundary,
         "MONAI, Hausdorff 95 alone", lambda: compute_hausdorff_distance(mask, true_mask, percentile=95)),
        ("panoptic quality", matched, "MONAI", lambda: compute_panoptic_quality(ids, true_ids)),
        ("variation of information", lambda: metrics.partition_scores(metrics.count_overlaps(found, instances)),
         "scikit-image", lambda: variation_of_information(instances, found)),
    ]  # fmt: skip


def volume_rows(seed: int) -> list[tuple[str, Callable[[], object]]]:
    """What is measured on a volume."""
    found, instances = make_volume(seed)
    mask, prediction = (instances > 0).astype(np.uint8), found > 0

    def matched() -> None:
        overlaps = metrics.count_overlaps(found, instances)
        metrics.instance_counts(overlaps)
        metrics.partition_scores(overlaps)

    def boundary() -> None:
        metrics.compare_outlines(metrics.find_outlines(prediction, mask), (5, 5, 5), 20)

    number = len(np.unique(instances)) - 1
    return [
        (f"matching {number} instances at ten IoU thresholds, VOI, adapted Rand error", matched),
        ("IoU, Dice and the other counts of voxels", lambda: metrics.confusion(prediction, mask)),
        ("boundary F1, Hausdorff 95", boundary),
    ]


def best_ms(step: Callable[[], object], repeats: int) -> float:
    """Shortest of `repeats` processor times after one to warm up, ms: other work on the machine does not count."""
    step()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    return min(times) * 1000


def peak_mb(step: Callable[[], object]) -> float:
    """Largest memory taken beside the images themselves, MB."""
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("docs/results/metrics-speed.md"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)
    torch.set_num_threads(1)
    lines = [
        "# Speed of the metrics",
        "",
        "Written by `benchmarks/metrics_speed.py`; processor time of one thread.",
        "",
        f"A section of {SECTION[0]} x {SECTION[1]}, best of {arguments.repeats}:",
        "",
        "| metric | ours, ms | library, ms | library |",
        "|---|---|---|---|",
    ]
    for name, ours, library, theirs in section_rows(arguments.seed):
        other = f"{best_ms(theirs, arguments.repeats):.1f}" if theirs else ""
        lines.append(f"| {name} | {best_ms(ours, arguments.repeats):.1f} | {other} | {library} |")
    lines += ["", f"A volume of {' x '.join(map(str, VOLUME))}; memory is what comes on top of the volumes themselves:"]
    lines += ["", "| metric | s | MB |", "|---|---|---|"]
    for name, step in volume_rows(arguments.seed):
        lines.append(f"| {name} | {best_ms(step, 2) / 1000:.1f} | {peak_mb(step):.0f} |")
    text = "\n".join([*lines, "", conditions(arguments.seed), ""])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_page(arguments.output, text)
    print(text)


if __name__ == "__main__":
    main()
