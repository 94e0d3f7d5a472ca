"""The search: an Optuna study in a journal file, in rounds: neither workers nor interruptions change its course."""

import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from mitodata.cluster.progress import Progress
from mitodata.errors import DataError
from mitogen.match.ranges import Range

ROUND = 4
"""Trials that are chosen at once, from all before them. The same for any number of workers, or results would differ."""

Values = dict[str, float]
Judge = Callable[[Sequence[Mapping[str, float]]], Sequence[float]]
"""Gives the distance for each of some settings of knobs."""

_NAME = "match"
_SETTINGS = "settings"
_FIRST_LINE_BYTES = 2**16


def open_study(storage: Path, settings: str) -> optuna.Study:
    """Begin a search in a file, or open the one that is in it.

    Args:
        storage: the journal file.
        settings: fingerprint of all that a distance depends on.

    Raises:
        DataError: the file cannot be read or written, is no journal, or holds a search with other settings.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        check_journal(storage)
        _drop_half_line(storage)
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(storage))), study_name=_NAME, load_if_exists=True
        )
        known = study.user_attrs.get(_SETTINGS)
        if known is None and not study.trials:
            study.set_user_attr(_SETTINGS, settings)
            known = settings
    except OSError as error:
        raise DataError(f"{storage}: cannot be used: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{storage}: is not the journal of a search; choose another --storage, or remove it") from error
    if known != settings:
        raise DataError(
            f"{storage}: holds a search with another recipe, other images, knobs or seed, or of another version; "
            "choose another --storage, or remove it"
        )
    return study


def check_journal(storage: Path) -> None:
    """Refuse, before anything is written there, a file that is not the journal of a search; it may be missing or empty.

    Raises:
        DataError: it is something else.
        OSError: it cannot be read.
    """
    if not storage.exists():
        return
    start = b""
    if storage.is_file():
        with storage.open("rb") as file:
            start = file.readline(_FIRST_LINE_BYTES)
        if not start:
            return
    if not _is_record(start):
        raise DataError(f"{storage}: is not the journal of a search; choose another --storage, or remove it")


def _is_record(line: bytes) -> bool:
    """Whether a line is one of a journal of Optuna."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "op_code" in record


def chosen_once(study: optuna.Study, what: str, choose: Callable[[], Sequence[Any]]) -> list[Any]:
    """Return what was chosen at the beginning of the study; `choose` is asked once, for what JSON can hold."""
    if what not in study.user_attrs:
        study.set_user_attr(what, list(choose()))
    return list(study.user_attrs[what])


def search(
    study: optuna.Study, ranges: Sequence[Range], start: Values, judge: Judge, limits: tuple[int, int, float]
) -> FrozenTrial:
    """Try settings until there are enough, and return the best one.

    The sampler is TPE (Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011) over all knobs at
    once; after as many settings at random as there are knobs, at least one round of them. Each round has a seed of its
    own, so that a search that was stopped goes on as if it had not been.

    Args:
        study: from `open_study`; what it holds counts.
        ranges: of the knobs to turn.
        start: what is tried first.
        judge: gives distances.
        limits: seed, number of trials in all, and the time (`time.monotonic`) after which no round is begun.

    Raises:
        OSError: the storage cannot be written.
    """
    seed, trials, until = limits
    space: dict[str, BaseDistribution] = {
        one.knob.name: FloatDistribution(*one.ends, log=one.by_factors) for one in ranges
    }
    if not study.get_trials(deepcopy=False, states=(TrialState.WAITING, TrialState.RUNNING, TrialState.COMPLETE)):
        study.enqueue_trial(start)
    with Progress("trial", trials, finished(study), verb="made") as bar:
        while finished(study) < trials and (time.monotonic() < until or not finished(study)):
            batch = _left_over(study, space)
            # All of a round are chosen before the first is judged, also those that come after the last one asked for.
            while not batch or (finished(study) + len(batch)) % ROUND:
                study.sampler = _sampler(seed, finished(study) + len(batch), len(ranges))
                trial = study.ask(space)
                batch[trial.number] = dict(trial.params)
            numbers = list(batch)[: trials - finished(study)]
            for number, distance in zip(numbers, judge([batch[number] for number in numbers]), strict=True):
                study.tell(number, distance)
            bar.advance(len(numbers))
    return study.best_trial


def finished(study: optuna.Study) -> int:
    """Count the trials whose distance is known."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _left_over(study: optuna.Study, space: Mapping[str, BaseDistribution]) -> dict[int, Values]:
    """What was chosen, but not judged, when the search was stopped or had enough."""
    left: dict[int, Values] = {}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if set(trial.params) == set(space):
            left[trial.number] = dict(trial.params)
        else:  # stopped while it was being chosen
            study.tell(trial.number, state=TrialState.FAIL)
    return left


def _sampler(seed: int, number: int, knobs: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            n_startup_trials=max(ROUND, knobs), multivariate=True, seed=(seed * 1_000_003 + number) % 2**32
        )


def _drop_half_line(storage: Path) -> None:
    """Cut off what a killed search was just writing: lines after it would make the file unreadable."""
    if not storage.exists():
        return
    content = storage.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with storage.open("r+b") as file:
            file.truncate(whole)
