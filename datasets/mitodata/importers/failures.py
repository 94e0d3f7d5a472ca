"""What cannot be imported: all of it is listed, so that one bad file among many does not hide the others."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from mitodata.errors import DataError
from mitodata.importers.stack import Stack, pick, read_section
from mitodata.readers.grey_levels import to_grey

_log = logging.getLogger("mitodata")

_SAID = 100

_Read = TypeVar("_Read")


def roll_call(stack: Stack) -> dict[int, str]:
    """Read every section, and say of those that fail what is wrong.

    Args:
        stack: before its grey levels were scaled.

    Returns:
        Messages by the number of the section.
    """
    each = replace(stack, raw=lambda z: to_grey(stack.raw(z), stack.sections[z]))
    failed = {}
    for z in range(len(stack.sections)):
        try:
            read_section(each, z)
        except DataError as error:
            failed[z] = str(error)
    return failed


def leave_out(stacks: Sequence[Stack]) -> tuple[list[Stack], list[str]]:
    """Leave out the sections that fail.

    Returns:
        The stacks of the others; what is wrong with those that fail.

    Raises:
        DataError: all sections of all stacks fail.
    """
    kept: list[Stack] = []
    messages: list[str] = []
    for stack in stacks:
        failed = roll_call(stack)
        messages += failed.values()
        good = [z for z in range(len(stack.sections)) if z not in failed]
        if good:
            kept.append(pick(stack, good) if failed else stack)
    if messages and not kept:
        say(messages)
        raise DataError(f"all {len(messages)} images failed; nothing was written")
    return kept, messages


def listed(items: Iterable[_Read], stacks: Sequence[Stack]) -> Iterator[_Read]:
    """Pass on what is read; where that fails, find out what else does.

    Args:
        items: what is read of the stacks.
        stacks: before their grey levels were scaled.

    Raises:
        DataError: reading failed. If several sections do, each is named in a line of the log.
    """
    try:
        yield from items
    except DataError as error:
        messages = [message for stack in stacks for message in _problems(stack)]
        if len(messages) < 2:
            raise
        say(messages)
        count = sum(len(stack.sections) for stack in stacks)
        raise DataError(
            f"{messages[0]}; it is one of {len(messages)} images or sections of {count} that failed, listed above; "
            "nothing was written; mend them, or leave images out with --skip-failed"
        ) from error


def _problems(stack: Stack) -> list[str]:
    """What is wrong with each section that fails; if all those of one file do, with the first."""
    messages = list(roll_call(stack).values())
    return messages[:1] if stack.one_image and len(messages) == len(stack.sections) else messages


def say(messages: Sequence[str]) -> None:
    """Name each failure in a line of the log, up to some."""
    for message in messages[:_SAID]:
        _log.warning("%s", message)
    if len(messages) > _SAID:
        _log.warning("... and %d more", len(messages) - _SAID)
