"""The models that widgets offer: released ones, and runs that were made or chosen in this session."""

from collections.abc import Callable
from pathlib import Path

from mitodata import RunError
from mitoseg.models.registry import releases

Listener = Callable[[], object]


class KnownModels:
    """Names of models, the newest last; who offers them hears of new ones."""

    def __init__(self) -> None:
        self._own: list[str] = []
        self._listeners: list[Listener] = []

    @property
    def names(self) -> list[str]:
        """Released models, the newest first, then the user's own in the order in which they came."""
        try:
            released = [each.name for each in reversed(releases())]
        except RunError:  # said when a model is loaded
            released = []
        return [*released, *self._own]

    def add(self, model: Path | str) -> None:
        """Offer one more: the folder of a run, or a model's file."""
        name = str(model)
        if name not in self.names:
            self._own.append(name)
        for listener in list(self._listeners):
            listener()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` whenever there is a new one; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None


KNOWN = KnownModels()
"""Those of this session."""
