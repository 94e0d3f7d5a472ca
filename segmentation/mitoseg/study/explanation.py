"""Where a model fails: its error on single synthetic images against the knobs that were drawn for them.

And whether that is where real tissue lies: how large the error is on those synthetic images that look most like it,
by statistics that need no labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import KDTree

from mitodata.errors import DataError, RunError
from mitodata.hdf5.dataset import Dataset
from mitogen.gap.appearance import look_at
from mitogen.gap.sections import Sampling, common_sampling, read_sections
from mitogen.gap.statistics import large_enough
from mitoseg.evaluation import evaluate
from mitoseg.inference.model import Model
from mitoseg.study.effects import holm

FEWEST_IMAGES = 30
"""Images below which nothing is regressed."""

NEAREST = 10
"""Synthetic images that count as looking most like a real section."""

NOTHING = 0.05
"""Cross-validated R^2 below which knobs are said to explain nothing."""

Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class KnobReport:
    """How one knob goes with the error.

    Attributes:
        name: of the knob.
        rho: Spearman's rank correlation with the error: positive where larger values are harder.
        p_holm: of its test, corrected by Holm for the number of knobs.
        weight: coefficient in a ridge regression of standardised error on standardised knobs.
        importance: fall of R^2 of a forest on held-out images when the knob's values are shuffled.
        low, high: mean error of the images in the lowest and the highest third of its values.
    """

    name: str
    rho: float
    p_holm: float
    weight: float
    importance: float
    low: float
    high: float


@dataclass(frozen=True)
class RealReport:
    """Where real tissue lies among synthetic images.

    Attributes:
        sections: real sections looked at.
        error_near: mean error of the synthetic images that look most like them.
        error_low, error_high: 95 % interval of the mean error of as many synthetic images drawn at random.
        outside: share of real sections that are farther from every synthetic image than 95 % of those are from each
            other.
        places: statistic -> (rank correlation with the error, percentile of the real median among synthetic images).
    """

    sections: int
    error_near: float
    error_low: float
    error_high: float
    outside: float
    places: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Explanation:
    """What was found.

    Attributes:
        images: images with foreground that were scored.
        error: mean of 1 - IoU over them.
        ridge_r2, forest_r2: cross-validated share of the variance of the error that knobs explain.
        knobs: one report each, most important first.
        real: where real tissue lies; None if it was not asked for.
    """

    images: int
    error: float
    ridge_r2: float
    forest_r2: float
    knobs: Sequence[KnobReport]
    real: RealReport | None

    @property
    def says_something(self) -> bool:
        """Whether knobs explain any of the error."""
        return max(self.ridge_r2, self.forest_r2) >= NOTHING


def explain(model: Model, data: Path, real: Path | None = None) -> Explanation:
    """Score `model` on rendered images, one by one, and relate the error 1 - IoU to what was drawn for them.

    Args:
        model: the network.
        data: a file that `mitogen render` wrote, of single sections.
        real: real images, labelled or not.

    Raises:
        DataError: a file is missing or damaged.
        RunError: `data` has no drawn knobs, holds volumes, or has too few images with foreground; or the error is the
            same in all of them.
    """
    with Dataset(data) as dataset:
        params, is_2d = dataset.params, dataset.is_2d
    if not params or not is_2d:
        got = "holds volumes" if params else "holds no drawn knobs"
        raise RunError(f"{data}: {got}; expected single sections rendered by `mitogen render`")
    (result,) = evaluate(model, [data])
    scored = [image for image in result.images if image.counts.has_foreground]
    if len(scored) < FEWEST_IMAGES:
        raise RunError(f"{data}: {len(scored)} images with foreground; expected at least {FEWEST_IMAGES} to learn from")
    places = np.array([image.place.sample for image in scored])
    error = np.array([1 - image.summed.scores.iou for image in scored])
    drawn = {name: values[places] for name, values in params.items() if np.ptp(values[places]) > 0}
    ridge_r2, forest_r2, knobs = regress(drawn, error)
    found = None if real is None else locate(data, places, error, real, model.config.working_voxel_nm)
    return Explanation(len(scored), float(error.mean()), ridge_r2, forest_r2, knobs, found)


def regress(drawn: Columns, error: NDArray[np.float64]) -> tuple[float, float, list[KnobReport]]:
    """Relate knobs to the error (N,): cross-validated R^2 of a ridge regression and of a forest, and a row a knob.

    Importances are measured on images that the forest has not seen: those of the training images are large for noise.

    Raises:
        RunError: no knob varies, or the error does not.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not drawn:
        raise RunError("every knob has the same value in all images; expected a set rendered from ranges")
    if np.ptp(error) == 0:
        raise RunError(
            f"all {len(error)} images have the same error (1 - IoU), {error[0]:.3f}: there is nothing to explain; "
            "expected a model that does better on some images than on others"
        )
    x = np.column_stack(list(drawn.values()))
    folds = KFold(5, shuffle=True, random_state=0)
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 16)))
    ridge_r2 = float(r2_score(error, cross_val_predict(ridge, x, error, cv=folds)))
    predicted, importance = np.empty_like(error), np.zeros(x.shape[1])
    for seen, unseen in folds.split(x):
        forest = RandomForestRegressor(50, min_samples_leaf=5, max_features=0.33, random_state=0)
        forest.fit(x[seen], error[seen])
        predicted[unseen] = forest.predict(x[unseen])
        shuffled = permutation_importance(forest, x[unseen], error[unseen], n_repeats=2, random_state=0)
        importance += shuffled.importances_mean / folds.get_n_splits()
    weights = ridge.fit(x, error)[-1].coef_ / error.std()
    tests = [stats.spearmanr(values, error) for values in drawn.values()]
    corrected = holm([float(test.pvalue) for test in tests])
    reports = [
        KnobReport(name, float(test.statistic), p, float(weight), float(fall), *_thirds(values, error))
        for (name, values), test, p, weight, fall in zip(
            drawn.items(), tests, corrected, weights, importance, strict=True
        )
    ]
    reports.sort(key=lambda report: (report.p_holm >= 0.05, -abs(report.rho)))
    return ridge_r2, float(r2_score(error, predicted)), reports


def locate(
    data: Path, places: NDArray[np.int64], error: NDArray[np.float64], real: Path, pixel_nm: float
) -> RealReport:
    """Say where real sections lie among synthetic images, and how large the error is there. Labels are not looked at.

    Args:
        data: the synthetic images.
        places: (N,) numbers of those that were scored.
        error: (N,) their errors.
        real: the real images; of up to 40 sections, windows as large as a synthetic image.
        pixel_nm: pixel size that both are brought to.

    Raises:
        DataError: a file is missing or damaged, images are too small, or all synthetic ones look the same.
    """
    with Dataset(data) as synthetic, Dataset(real) as tissue:
        sampling = common_sampling(synthetic, tissue, Sampling(images=len(synthetic), pixel_nm=pixel_nm))
        looks: dict[int, Mapping[str, float | None]] = {}
        for section in large_enough(read_sections(synthetic, sampling)):
            looks.setdefault(section.place[0], look_at(section.raw).values())
        some = replace(sampling, images=Sampling().images)
        found = [look_at(section.raw).values() for section in large_enough(read_sections(tissue, some))]
    if not found or not set(map(int, places)) <= looks.keys():
        raise DataError(f"{data}, {real}: images too small to compare; expected at least 16 px at {pixel_nm:g} nm")
    ours = [looks[int(place)] for place in places]
    names = [name for name in ours[0] if all(one[name] is not None for one in (*ours, *found))]
    a, b = (np.array([[one[name] for name in names] for one in group], float) for group in (ours, found))
    if not a.std(axis=0).any():
        raise DataError(f"{data}: all images look the same; expected a set rendered from ranges")
    return _compare(names, a, b, error)


def _compare(
    names: Sequence[str], a: NDArray[np.float64], b: NDArray[np.float64], error: NDArray[np.float64]
) -> RealReport:
    """Synthetic statistics a (N, K) with errors (N,) against real ones b (M, K)."""
    kept = a.std(axis=0) > 0
    centre, scale = a[:, kept].mean(axis=0), a[:, kept].std(axis=0)
    own, theirs = (a[:, kept] - centre) / scale, (b[:, kept] - centre) / scale
    tree = KDTree(own)  # a table of all distances would grow with the square of N
    distances, nearest = tree.query(theirs, k=min(NEAREST, len(own)))
    between = np.asarray(tree.query(own, k=2)[0])[:, 1]  # the nearest of all is the image itself
    near = np.unique(nearest)
    rng = np.random.default_rng(0)
    by_chance = [error[rng.choice(len(error), len(near), replace=False)].mean() for _ in range(2000)]
    low, high = np.quantile(by_chance, [0.025, 0.975])
    outside = np.asarray(distances)[:, 0] > np.quantile(between, 0.95)
    places = {
        name: (
            float(stats.spearmanr(a[:, k], error).statistic) if kept[k] else nan,
            float(stats.percentileofscore(a[:, k], float(np.median(b[:, k])), "mean")),
        )
        for k, name in enumerate(names)
    }
    return RealReport(len(b), float(error[near].mean()), float(low), float(high), float(outside.mean()), places)


def _thirds(values: NDArray[np.float64], error: NDArray[np.float64]) -> tuple[float, float]:
    """Mean error of the images in the lowest and in the highest third of `values`; nan where a tie spans the limit."""
    order = np.argsort(values, kind="stable")
    third = len(order) // 3
    if third == 0:
        return nan, nan
    ranked = values[order]
    low = nan if ranked[third - 1] == ranked[third] else float(error[order[:third]].mean())
    high = nan if ranked[-third - 1] == ranked[-third] else float(error[order[-third:]].mean())
    return low, high


def format_explanation(explanation: Explanation, shown: int = 15) -> str:
    """The explanation as Markdown."""
    lines = [
        f"{explanation.images} images with foreground, mean error (1 - IoU) {explanation.error:.3f}. The drawn knobs "
        f"explain this share of its variance (cross-validated R2): ridge {explanation.ridge_r2:.2f}, forest "
        f"{explanation.forest_r2:.2f}.",
        "",
    ]
    if not explanation.says_something:
        lines += [
            "**Warning: that is next to nothing. What makes an image hard is not in its knobs, or there are too few "
            "images; read no meaning into the order below.**",
            "",
        ]
    lines += [
        "| knob | rank correlation | p, Holm | ridge weight | importance | error, lowest third | highest third |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {knob.name} | {knob.rho:+.2f} | {knob.p_holm:.3f} | {knob.weight:+.2g} | {knob.importance:.3f} | "
        f"{_number(knob.low)} | {_number(knob.high)} |"
        for knob in explanation.knobs[:shown]
    ]
    return "\n".join([*lines, "", *(_real_lines(explanation.real) if explanation.real else [])])


def _number(value: float) -> str:
    return "-" if isnan(value) else f"{value:.3f}"


def _real_lines(real: RealReport) -> list[str]:
    if real.error_near > real.error_high:
        verdict = "Real tissue lies where the model fails more than elsewhere"
    elif real.error_near < real.error_low:
        verdict = "Real tissue lies where the model fails less than elsewhere"
    else:
        verdict = "Real tissue does not lie where the model fails more, nor where it fails less"
    lines = [
        f"{verdict}: the synthetic images that look most like the {real.sections} real windows have a mean error of "
        f"{real.error_near:.3f}; as many drawn at random have {real.error_low:.3f} to {real.error_high:.3f}.",
        f"{real.outside:.0%} of the real windows look like no synthetic image"
        + ("; what the model does there, this set cannot say." if real.outside > 0.5 else "."),
        "",
        "| statistic | rank correlation with the error | percentile of real tissue among synthetic images |",
        "|---|---|---|",
    ]
    order = sorted(real.places.items(), key=lambda item: -1.0 if isnan(item[1][0]) else abs(item[1][0]), reverse=True)
    return [*lines, *(f"| {name} | {rho:+.2f} | {percentile:.0f} |" for name, (rho, percentile) in order), ""]
