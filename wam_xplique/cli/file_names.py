"""Which files are meant, and what is made of them is called."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..datasets.images import SUFFIXES as IMAGES
from ..datasets.sounds import SUFFIXES as SOUNDS

ARRAYS = (".npy", ".npz")
KNOWN = (*IMAGES, *SOUNDS, *ARRAYS)

Problems = dict[str, str]
"""What is wrong with files, by their names."""


def expand(given: Iterable[str], out: Path | None = None) -> tuple[list[Path], Problems]:
    """The files that are meant, each once, in the order given, and what is wrong with the rest.
    What a folder, which is searched at any depth, or a pattern finds in `out` is not meant."""
    found: dict[Path, Path] = {}
    problems: Problems = {}
    for text in given:
        paths = _meant(text, out)
        if isinstance(paths, str):
            problems[text] = paths
        else:
            for path in paths:
                found.setdefault(path.resolve(), path)
    return list(found.values()), problems


def names_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Names by files, no two the same in any case of letters: the first candidate not taken."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        name = next(name for name in _candidates(path) if name.lower() not in taken)
        taken.add(name.lower())
        names[path] = name
    return names


def check_free(paths: Iterable[Path], force: bool, sources: Iterable[Path] = ()) -> None:
    """Check that what is written is not there, dangling links too, and never is a source."""
    read = {source.resolve() for source in sources}
    paths = list(paths)
    there = [path for path in paths if os.path.lexists(path)]
    if clash := [path for path in there if path.resolve() in read]:
        raise FileExistsError(f"{clash[0]} is an input; take another --out.")
    if there and not force:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise FileExistsError(f"{there[0]}{more} is there already; --force overwrites.")
    for path in paths:
        folder = next(p for p in path.absolute().parents if os.path.lexists(p))
        if not folder.is_dir() or not os.access(folder, os.W_OK) or path.is_dir():
            raise OSError(f"{path} cannot be written; take another --out.")


def _meant(text: str, out: Path | None) -> list[Path] | str:
    """The files that are meant, or what is wrong."""
    path = Path(text)
    if path.is_file():
        return [path] if path.suffix.lower() in KNOWN else f"expected {_KINDS}"
    if path.is_dir():
        inside = [found.relative_to(path) for found in path.rglob("*")]
        found = [path / p for p in inside if not any(part.startswith(".") for part in p.parts)]
    elif glob.has_magic(text):
        found = [Path(match) for match in glob.glob(text, recursive=True)]
    else:
        return "there is no such file"
    known = sorted(p for p in found if p.suffix.lower() in KNOWN and p.is_file())
    written = None if out is None else out.resolve()
    return [p for p in known if written not in p.resolve().parents] or f"there are no {_KINDS}"


_KINDS = f"images, sounds or arrays ({', '.join(KNOWN)})"


def _candidates(path: Path) -> Iterator[str]:
    """The file's own name, the folder's before it, a number behind it."""
    yield path.stem
    if folder := path.resolve().parent.name:
        yield f"{folder}_{path.stem}"
    yield from (f"{path.stem}_{number}" for number in itertools.count(2))
