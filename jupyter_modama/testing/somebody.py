"""Do something as another Linux user, in a process of its own."""

from __future__ import annotations

import ctypes
import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PR_SET_DUMPABLE = 4


def as_person(uid: int, function: Callable[[], T], *, groups: tuple[int, ...] = ()) -> T:
    """The answer of a function that a child with this uid, and a group of the same number, has called."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # other tests may have threads; the child uses none of theirs
        child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setgroups(groups)
            os.setgid(uid)
            os.setuid(uid)
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self/fd stays root's
            told = pickle.dumps((True, function()))
        except BaseException:
            told = pickle.dumps((False, traceback.format_exc()))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(told)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        raw = pipe.read()
    os.waitpid(child, 0)
    fine, answer = pickle.loads(raw)  # noqa: S301 - from our own child
    assert fine, answer
    result: T = answer
    return result
