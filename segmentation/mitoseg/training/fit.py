"""Fitting from the first wish to the finished run: what is asked for, as settings and data, and the front door."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mitodata import RunError
from mitoseg.config.files import Paths, as_paths, load_config, study_config
from mitoseg.config.settings import FitConfig, choose_budget, make_config, parse_stored
from mitoseg.data import Sources, resolve_recipe, settings_for
from mitoseg.training.run_folder import read_settings
from mitoseg.training.start import check_alike, choose_start, read_start, start_settings
from mitoseg.training.trainer import FitPlan, FitResult, train


@dataclass(frozen=True)
class FitRequest:
    """What somebody asks of a fit.

    Attributes:
        training: labelled HDF5 files; none with a recipe.
        recipe: to render from while training: a preset, or a file that ends in .toml; "" for none.
        validation: labelled files that are held out.
        val_fraction: share of the training files that is held out where no others are, between 0 and 1.
        config: settings to start from; None for the defaults, or those that suit the images better.
        study: a study whose settings to start from.
        config_file: TOML of settings, which go over those of the study.
        overrides: texts such as "augment.noise=0", which go over all others.
        settings: by name; None leaves a setting as it is.
        start: model whose weights to begin with; None for random ones.
    """

    training: Sequence[Path] = ()
    recipe: str = ""
    validation: Sequence[Path] = ()
    val_fraction: float = 0.1
    config: FitConfig | None = None
    study: str | None = None
    config_file: Path | None = None
    overrides: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    start: Path | str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Settings by name, without those that are left as they are."""
        return {name: value for name, value in self.settings.items() if value is not None}

    @property
    def chooses_target(self) -> bool:
        """Whether it says what is taught, by itself or with all other settings."""
        named = [text.partition("=")[0].strip() for text in self.overrides]
        return bool(self.config or self.study or self.config_file or "target" in {*named, *self.given})


def plan_fit(request: FitRequest) -> FitPlan:
    """Turn what is asked for into settings and data.

    Images that were rendered with compartments are learned with them, by focal loss, unless the request chooses. A run
    that begins with the weights of a model takes its network and target from it.

    Raises:
        RunError: there are neither files nor a recipe, or both; a setting, a study or a budget is impossible.
        MitoError: a file or a recipe cannot be read.
    """
    if bool(request.training) == bool(request.recipe):
        raise RunError("got neither TRAIN nor --recipe, or both; expected one, such as train.h5")
    recipe = resolve_recipe(request.recipe) if request.recipe else ""
    base = study_config(request.study) if request.study else request.config
    base = load_config(request.config_file, base) if request.config_file else base
    start, theirs = choose_start(request.start) if request.start is not None else (None, None)
    suited = {} if request.chooses_target or theirs else settings_for(request.training, recipe)
    if theirs and base is None:
        suited = start_settings(theirs)
    settings: dict[str, Any] = suited | request.given
    epochs, minutes = settings.pop("epochs", None), settings.pop("minutes", None)
    config = make_config(request.overrides, base, **settings)
    if request.config is None or epochs is not None or minutes is not None:
        config = choose_budget(config, epochs, minutes)
    if start and theirs:
        check_alike(str(request.start), theirs, config)
    by_images = not theirs and "target" in suited and config.target == suited["target"]
    note = "target: compartments, by focal loss, since the images have them (--set target=...)"
    sources = Sources(request.training, request.validation, request.val_fraction, recipe)
    return FitPlan(config, sources, (note,) if by_images else (), start)


def plan_resumed(run: Path, request: FitRequest) -> FitPlan:
    """What a run goes on with: its own settings and data, and perhaps another budget.

    Raises:
        RunError: there is no run in the folder, or the request asks for more than a budget.
    """
    own = {**request.given}
    epochs, minutes = own.pop("epochs", None), own.pop("minutes", None)
    files = request.training or request.recipe or request.validation
    if files or request.overrides or request.chooses_target or own or request.start is not None:
        raise RunError("--resume takes data and settings from the run; only --epochs or --minutes can change")
    config, sources = resume_settings(run)
    start = read_start(read_settings(run), str(run / "config.json"))
    return FitPlan(choose_budget(config, epochs, minutes), sources, start=start)


def resume_settings(run: Path) -> tuple[FitConfig, Sources]:
    """Settings of the run in folder `run`, and where its images come from.

    Raises:
        RunError: there is no run in it.
    """
    content = read_settings(run)
    config = parse_stored(content["config"], str(run / "config.json"))
    training, validation = ([Path(path) for path in content[name]] for name in ("training", "validation"))
    return config, Sources(training, validation, float(content["val_fraction"]), str(content.get("recipe", "")))


def fit(
    training: Paths,
    run: Path | str,
    config: FitConfig | None = None,
    *,
    validation: Paths = (),
    val_fraction: float = 0.1,
    recipe: str = "",
    resume: bool = False,
    start: Path | str | None = None,
    **settings: Any,
) -> FitResult:
    """Train a network on labelled files or rendered images; leave it, its thresholds and history in folder `run`.

    The result is the average of the weights at the end of the run, with the thresholds that are best on the validation
    sections. `best.pt` keeps, for supervised work, the averaged weights that scored best on them.

        mitoseg.fit("train.h5", "runs/first", minutes=13)
        mitoseg.fit(["a.h5", "b.h5"], "runs/small", validation="c.h5", network="small", epochs=5)
        mitoseg.fit((), "runs/endless", recipe="mito", minutes=60)
        mitoseg.fit((), "runs/first", resume=True, minutes=26)
        mitoseg.fit("train.h5", "runs/further", start="runs/first", minutes=5)

    Args:
        training: a file in the format of `mitodata`, or several; () with a recipe, or to go on.
        run: folder, made if it is missing.
        config: settings to start from; None for the defaults, or those that suit the images better. Without a budget,
            13 minutes.
        validation: files held out; if none, `val_fraction` of the training data is (see `split_sections`).
        val_fraction: share that is held out, between 0 and 1.
        recipe: to render from, in the workers and without end: a preset of mitogen, or a file that ends in .toml.
            Without validation files, images for validation are rendered from another seed.
        resume: go on with the run in the folder, on CPU exactly as if it had not been stopped.
        start: model whose weights to begin with: a run, a file or the name of a released model. Network and target
            must be the same; they are taken from it where neither `config` nor `settings` say otherwise.
        settings: attributes of `FitConfig` by name, over those of `config`.

    Returns:
        How the run ended: its folder, steps, minutes, thresholds and validation IoU.

    Raises:
        RunError: the folder holds a run and `resume` is not set, or it holds none and it is; an impossible setting.
        DataError: a file is missing, damaged or unlabelled.
        KeyboardInterrupt: stopped by Ctrl-C or SIGTERM, after saving.
    """
    request = FitRequest(
        as_paths(training), recipe, as_paths(validation), val_fraction, config=config, settings=settings, start=start
    )
    plan = plan_resumed(Path(run), request) if resume and config is None else plan_fit(request)
    return train(Path(run), plan, resume=resume)
