"""A pool of no processes, for tests of anything but processes, each of which takes half a second to start."""

import pickle
from collections.abc import Callable
from concurrent.futures import Future


class Here:
    """Stands in for `Workers`: does the work at once, with what a process would get and give back."""

    def __init__(self, task: object, count: object) -> None:
        self.task = pickle.dumps(task)
        self.count = count if isinstance(count, int) else 1

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, function: Callable[..., object], *arguments: object) -> "Future[object]":
        future: Future[object] = Future()
        try:
            found = function(pickle.loads(self.task), *pickle.loads(pickle.dumps(arguments)))
            future.set_result(pickle.loads(pickle.dumps(found)))
        except Exception as error:
            future.set_exception(error)
        return future

    def result(self, future: "Future[object]") -> object:
        return future.result()
