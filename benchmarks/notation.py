"""How scores are written on the pages of results."""


def fraction(value: float, *, zero: bool = False) -> str:
    """As in .377, or with the `zero` before it."""
    text = f"{value:.3f}"
    return text if zero else text.removeprefix("0")


def mean_and_std(mean: float, std: float | None, *, zero: bool = False) -> str:
    """As in .377 +- .091; the mean alone where there is no standard deviation, as of a single image."""
    return " +- ".join(fraction(value, zero=zero) for value in (mean, std) if value is not None)
