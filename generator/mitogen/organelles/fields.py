"""Random fields and keys of organelles: made from streams of their own, when somebody asks for the first time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Generic, TypeVar

from mitogen.geometry.point_process import StreamOf
from mitogen.geometry.random_fields import Waves, random_waves

T = TypeVar("T")

Wavelength = float | Callable[[Mapping[str, float]], float]
"""Mean wavelength of a field in nm, or what gives it from an image's params."""

Wavelengths = Mapping[str, Wavelength]
"""Of fields by their names, which are those of their streams."""


class OnDemand(Mapping[str, T], Generic[T]):
    """Things by name, each made when it is first asked for: most images show few organelles."""

    def __init__(self, makers: Mapping[str, Callable[[], T]], made: dict[str, T] | None = None) -> None:
        self._makers = makers
        self._made = {} if made is None else made

    def __getitem__(self, name: str) -> T:
        if name not in self._makers:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def only(self, names: Iterable[str]) -> "OnDemand[T]":
        """Some of them, the same things as here.

        Raises:
            KeyError: there is none of such a name.
        """
        return OnDemand({name: self._makers[name] for name in names}, self._made)


def fields_of(lengths: Wavelengths, params: Mapping[str, float], streams: StreamOf) -> OnDemand[Waves]:
    """Fields of an image, each from a stream of its own."""
    return OnDemand({name: partial(_field, name, length, params, streams) for name, length in lengths.items()})


def keys_of(names: Iterable[str], streams: StreamOf) -> OnDemand[int]:
    """Keys of an image, each from a stream of its own."""
    return OnDemand({name: partial(_key, name, streams) for name in names})


def _field(name: str, length: Wavelength, params: Mapping[str, float], streams: StreamOf) -> Waves:
    return random_waves(streams(f"field/{name}"), length(params) if callable(length) else length)


def _key(name: str, streams: StreamOf) -> int:
    return int(streams(f"key/{name}").integers(2**62))
