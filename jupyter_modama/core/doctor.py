"""What is wrong with this installation, this tree, this machine, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_modama.core.model import Actor, DoctorReport
from jupyter_modama.core.ports import Store


@dataclass(frozen=True, slots=True)
class RunDoctor:
    pass


def run_doctor(store: Store, actor: Actor, wanted: RunDoctor) -> DoctorReport:
    """Look at everything that a working installation needs, and say what to do about what is missing."""
    raise NotImplementedError
