"""A small storage tree with real and made-up microscopy, to try things on.

    python -m jupyter_modama.demo make <folder>

Real are the holograms (from the package holospy) and the spectra (exspy). Nothing that exists is ever overwritten: what
was made once stands in a list in the folder and is not made again, however it was renamed, sealed or removed since.
"""

from __future__ import annotations

import argparse
import importlib.resources
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MADE = ".demo-made"
MAKING = ".demo-making-"
NEEDS = "the demo needs more packages: pip install 'jupyter-modama[demo]' ({why})"


@dataclass(frozen=True, slots=True)
class DemoSession:
    """A session to be made; `fill` writes into its `raw`."""

    project: str
    name: str
    notes: str
    fill: Callable[[Path], None]

    @property
    def place(self) -> str:
        return f"adhoc/{self.project}/{self.name}"


def holograms(raw: Path) -> None:
    """Real off-axis holograms, and a made-up series of Lorentz images."""
    from jupyter_modama.testing.em_files import write_series
    from jupyter_modama.testing.em_physics import skyrmions

    _copy_data("holospy", ".hdf5", raw / "holograms")
    series = raw / "field-series"
    series.mkdir()
    microscope = {"Name": "Demo TEM", "Voltage": 300_000.0, "Imaging Mode": "LORENTZ", "Specimen": "FeGe lamella"}
    write_series(series, skyrmions(), (2.5, "nm"), **{"Microscope Info": microscope})


def spectra(raw: Path) -> None:
    """Real EDS spectra, and one of them as text."""
    hs = _hyperspy()
    _copy_data("exspy", ".hspy", raw / "eds")
    signal = hs.load(raw / "eds" / "EDS_TEM_FePt_nanoparticles.hspy")
    # As it stands in the file, 14.10.2014, the writer of MSA files does not take it.
    signal.metadata.General.date = "2014-10-14"
    signal.save(raw / "eds" / "FePt-nanoparticles.msa", format="Y")


def images(raw: Path) -> None:
    """The same grain boundary as a DM4, MRC, TIFF and HyperSpy file."""
    from jupyter_modama.testing.em_files import write_dm4, write_mrc
    from jupyter_modama.testing.em_physics import lattice_image

    hs = _hyperspy()
    image = lattice_image(2048)
    microscope = {"Name": "Demo TEM", "Voltage": 300_000.0, "Indicated Magnification": 500_000.0}
    tags = {"Microscope Info": {**microscope, "Imaging Mode": "HRTEM", "Specimen": "Au bicrystal"}}
    write_dm4(raw / "boundary.dm4", image.shape, "u2", [image], scales=[(0.02, "nm")] * 2, tags=tags)
    write_mrc(raw / "boundary.mrc", image[512:1536, 512:1536].astype("f4"), 0.02, "grain boundary, middle part")
    signal = hs.signals.Signal2D(image[::2, ::2])
    signal.metadata.General.title = "grain boundary, overview"
    for axis, name in zip(signal.axes_manager.signal_axes, "xy", strict=True):
        axis.name, axis.scale, axis.units = name, 0.04, "nm"
    signal.save(raw / "overview.tif")
    signal.save(raw / "overview.hspy")


def scans(raw: Path) -> None:
    """A 4D-STEM scan over the boundary as DM4, and parts of it as Merlin, block and HyperSpy files."""
    from jupyter_modama.testing.em_files import write_dm4, write_mib, write_npy
    from jupyter_modama.testing.em_physics import stem_scan

    hs = _hyperspy()
    scan = stem_scan((80, 96), (64, 64))
    scales = [(2.0, "nm"), (2.0, "nm"), (0.8, "mrad"), (0.8, "mrad")]
    tags = {"Microscope Info": {"Name": "Demo STEM", "Voltage": 200_000.0, "STEM Camera Length": 115.0}}
    write_dm4(raw / "boundary-4dstem.dm4", scan.shape, "u2", scan.reshape(-1, 64, 64), scales=scales, tags=tags)
    merlin = raw / "merlin"
    merlin.mkdir()
    write_mib(merlin / "boundary.mib", scan[16:64, 24:72])
    write_npy(raw / "virtual-bright-field.npy", scan[:, :, 26:38, 26:38].sum((2, 3)).astype("u4"))
    part = scan[24:56, 32:64]
    signal = hs.signals.Signal2D(part)
    for axis, (scale, unit) in zip(signal.axes_manager._axes, scales, strict=True):
        axis.scale, axis.units = scale, unit
    signal.save(raw / "boundary-part.hspy", chunks=(8, 8, 64, 64))
    signal.change_dtype("uint8")
    signal.save(raw / "boundary-part.blo")


SESSIONS = (
    DemoSession(
        "skyrmion-holography",
        "2024-11-12-biasing-test",
        "Off-axis holograms with and without the object (biprism 130 V), then a field series of 200 frames.\n"
        "The holograms are real data from the package holospy; the series is made up.",
        holograms,
    ),
    DemoSession(
        "skyrmion-holography",
        "2024-11-14-composition",
        "EDS spectra to check the composition. Real data from the package exspy.",
        spectra,
    ),
    DemoSession(
        "grain-boundary-4dstem",
        "2025-02-03-overview",
        "High-resolution overview of the boundary, in several formats. Made-up data.",
        images,
    ),
    DemoSession(
        "grain-boundary-4dstem",
        "2025-02-04-4dstem-scan",
        "4D-STEM over the boundary, 80 x 96 positions; the Merlin files are the middle part. Made-up data.",
        scans,
    ),
)


def _hyperspy() -> Any:
    """HyperSpy without its hints for programmers."""
    import hyperspy.api as hs

    hs.set_log_level("ERROR")
    return hs


def _copy_data(package: str, ending: str, folder: Path) -> None:
    """Copy the data files that come with an installed package."""
    folder.mkdir()
    for item in importlib.resources.files(package).joinpath("data").iterdir():
        if item.name.endswith(ending):
            with importlib.resources.as_file(item) as path:
                shutil.copyfile(path, folder / item.name)


def make(root: Path) -> list[str]:
    """Make the sessions that were never made in this folder; the paths of those made now.

    Each is made aside and renamed, so that one that was broken off leaves no half of it.
    """
    root.mkdir(parents=True, exist_ok=True)
    book = root / MADE
    known = set(book.read_text("utf-8").splitlines()) if book.exists() else set()
    made = []
    for session in SESSIONS:
        if session.place in known:
            continue
        if not (root / session.place).exists():
            _make_session(root / session.place, session)
            made.append(session.place)
        with book.open("a", encoding="utf-8") as file:
            file.write(session.place + "\n")
    return made


def _make_session(place: Path, session: DemoSession) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.parent / f"{MAKING}{place.name}"
    if aside.exists():
        shutil.rmtree(aside)
    (aside / "raw").mkdir(parents=True)
    (aside / "analysis").mkdir()
    (aside / "notes.md").write_text(f"# {session.name}\n\n{session.notes}\n", "utf-8")
    session.fill(aside / "raw")
    aside.rename(place)


def main(arguments: list[str] | None = None) -> int:
    """Make the tree and say what was made; 1 with a sentence where that does not work."""
    parser = argparse.ArgumentParser(
        prog="python -m jupyter_modama.demo", description="A storage tree to try things on"
    )
    parser.add_argument("command", choices=["make"])
    parser.add_argument("folder", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = make(chosen.folder.absolute())
    except ImportError as error:
        sys.stderr.write(NEEDS.format(why=f"{error.name} is missing") + "\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"the demo's data could not be made in {chosen.folder}: {error.strerror or error}\n")
        return 1
    for place in made:
        sys.stdout.write(f"made {place}\n")
    if not made:
        sys.stdout.write("the demo's data is there already\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
