"""Pictures as microscopes give them, made up: a grain boundary, a 4D-STEM scan over it, skyrmions. Deterministic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def boundary(shape: tuple[int, int]) -> Array:
    """How much of a pixel belongs to the upper grain, 0 to 1: a gently curved grain boundary."""
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    return np.asarray(1 / (1 + np.exp((y - 0.5 - 0.12 * np.sin(4 * x)) * 40)))


def lattice_image(size: int = 1024, seed: int = 1) -> Array:
    """A high-resolution image of two grains, as counts of a camera (u2)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    grain = boundary((size, size)).astype(np.float32)
    image = grain * (_fringes(x, y, 0.10) + 0.4) + (1 - grain) * _fringes(x, y, 0.62)
    thickness = 1 + 0.06 * np.sin(x / size * 3) * np.cos(y / size * 2)
    found: Array = random.poisson(240 * thickness * (1 + 0.22 * image)).astype(np.uint16)
    return found


def _fringes(x: Array, y: Array, turn: float, spacing: float = 27.0) -> Array:
    """Three sets of lattice planes, 60 degrees apart."""
    total = np.zeros_like(x)
    for k in range(3):
        angle = turn + k * np.pi / 3
        total += np.cos(2 * np.pi / spacing * (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y))
    return total / 3


def stem_scan(scan: tuple[int, int] = (48, 48), detector: tuple[int, int] = (64, 64), seed: int = 2) -> Array:
    """A 4D-STEM scan (u2) over two grains and a hole: discs of the direct and the diffracted beams, with shot noise.

    The grains differ in orientation, so a virtual dark field of one reflection shows one grain; the beam wanders a
    little over the detector, as it does without descan.
    """
    random = np.random.default_rng(seed)
    grain, hole = boundary(scan), _hole(scan)
    found = np.empty((*scan, *detector), np.uint16)
    for row in range(scan[0]):
        wander = ((row / scan[0] - 0.5) * 1.6, 0.0)
        direct = _discs(detector, [(0.0, 0.0)], wander)
        first, second = (_discs(detector, _reflections(detector, turn), wander) for turn in (0.10, 0.62))
        share = (grain[row] * (1 - hole[row]))[:, None, None]
        rest = ((1 - grain[row]) * (1 - hole[row]))[:, None, None]
        expected = (
            24.0 * direct * (0.55 + 0.45 * hole[row])[:, None, None] + 7.0 * (first * share + second * rest) + 0.05
        )
        found[row] = random.poisson(expected).astype(np.uint16)
    return found


def _hole(scan: tuple[int, int]) -> Array:
    y, x = np.mgrid[0 : 1 : scan[0] * 1j, 0 : 1 : scan[1] * 1j]
    return np.asarray(1 / (1 + np.exp((np.hypot(y - 0.85, x - 0.15) - 0.14) * 60)))


def _reflections(detector: tuple[int, int], turn: float) -> list[tuple[float, float]]:
    """Where the discs of a hexagonal lattice lie, from the centre, in pixels."""
    length = 0.30 * min(detector)
    angles = [turn + k * np.pi / 3 for k in range(6)]
    return [(length * float(np.sin(a)), length * float(np.cos(a))) for a in angles]


def _discs(detector: tuple[int, int], places: list[tuple[float, float]], shift: tuple[float, float]) -> Array:
    y, x = np.mgrid[0 : detector[0], 0 : detector[1]]
    y, x = y - (detector[0] - 1) / 2 - shift[0], x - (detector[1] - 1) / 2 - shift[1]
    radius = 0.085 * min(detector)
    return np.asarray(sum(1 / (1 + np.exp((np.hypot(y - b, x - a) - radius) * 3)) for b, a in places), np.float64)


def skyrmions(frames: int = 200, size: int = 128, seed: int = 3) -> Iterator[Array]:
    """A series of Lorentz images (u2): a lattice of skyrmions that drifts and turns while a field is ramped."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size].astype(np.float64)
    for number in range(frames):
        part = number / max(frames - 1, 1)
        contrast = 0.35 * np.sin(np.pi * (0.15 + 0.8 * part))
        image = _fringes(x + 6 * part, y + 2 * np.sin(6 * part), 0.2 + 0.15 * part, spacing=size / 7)
        yield random.poisson(90 * (1 + contrast * image)).astype(np.uint16)
