"""Sounds from files: single ones, folders of classes, and ESC-50."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ..archive import atomic_path
from ..checks import MOST, check_choice, check_integer, is_integer, is_number
from .folders import check_file, class_files, package_folder, read_alike

SUFFIXES = (".aif", ".aiff", ".flac", ".mp3", ".ogg", ".wav")
_COLUMNS = ("filename", "fold", "target", "category")


def load_wav(path: str | Path, mono: bool = False) -> tuple[np.ndarray, int]:
    """
    Read a sound: its waveform (T,), float32, full scale at -1 and 1, and its samples per second.

    The path is a WAV file, or any other that soundfile reads (FLAC, OGG, ...). Several channels are
    mixed down to their mean if `mono`, else refused. Raises an ImportError if soundfile is not
    installed, a FileNotFoundError if there is no such file, a ValueError if it holds no sound of
    finite samples, or several channels.
    """
    package_folder("soundfile", "audio")
    import soundfile

    check_file(Path(path))
    try:
        samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise ValueError(f"path {path} holds no sound that soundfile reads: {error}") from error
    if not samples.size or not np.isfinite(samples).all():
        raise ValueError(f"path {path} must hold finite samples, at least one.")
    channels = samples.shape[1]
    if channels > 1 and not mono:
        raise ValueError(
            f"path {path} holds {channels} channels; mono=True mixes them down to one."
        )
    return samples.mean(axis=1), sample_rate


def save_wav(
    path: str | Path, waveform: np.ndarray, sample_rate: int, subtype: str = "PCM_16"
) -> float:
    """
    Write a sound to a WAV file, never clipped: beyond full scale, it is scaled down as a whole.

    Parameters
    ----------
    waveform
        Waveform (T,) or (T, 1) of finite floating-point samples, full scale at -1 and 1. If its
        peak is beyond, all of it is divided by the peak; it is never made louder.
    sample_rate
        Samples per second, a positive integer.
    subtype
        Kind of samples, as soundfile names them: "PCM_16", "PCM_24", "FLOAT", ...

    Returns
    -------
    gain
        What the waveform was multiplied by, in (0, 1]: 1 unless its peak was beyond full scale.

    Raises
    ------
    ImportError, TypeError, ValueError
        If soundfile is not installed, the samples are not floating-point, or an argument is not as
        above.
    """
    waveform = np.asarray(waveform)
    if not np.issubdtype(waveform.dtype, np.floating):
        raise TypeError(
            f"waveform must hold floating-point samples, full scale at 1, got {waveform.dtype}."
        )
    if waveform.size == 0 or waveform.shape not in ((waveform.size,), (waveform.size, 1)):
        raise ValueError(f"waveform must have shape (T,) or (T, 1), got {waveform.shape}.")
    if not np.isfinite(waveform).all():
        raise ValueError("waveform must be finite, but holds NaN or infinity.")
    check_integer("sample_rate", sample_rate, lowest=1)
    package_folder("soundfile", "audio")
    import soundfile

    check_choice("subtype", subtype, tuple(soundfile.available_subtypes("WAV")), optional=False)
    waveform = waveform.reshape(-1).astype(np.float64)
    gain = 1 / max(1.0, float(np.abs(waveform).max()))
    with atomic_path(path) as file:
        soundfile.write(file, gain * waveform, int(sample_rate), subtype, format="WAV")
    return gain


def esc50(
    folder: str | Path,
    folds: Iterable[int] | None = None,
    sample_rate: int | None = None,
    duration: float | None = None,
    verbose: bool = False,
) -> tuple[np.ndarray, np.ndarray, list[str], int]:
    """
    Read ESC-50 (https://github.com/karolpiczak/ESC-50), or data of its layout.

    Parameters
    ----------
    folder
        Folder with ``meta/esc50.csv`` and ``audio/*.wav``. All of ESC-50 at its own 44100 Hz takes
        1.8 GB of memory.
    folds
        Folds to read, such as (1, 2, 3, 4); None for all.
    sample_rate
        Samples per second to resample to; None keeps the files' own, which they must share.
    duration
        Seconds to cut to, or to fill up to with zeros; None keeps the files' own length, which they
        must share.
    verbose
        Whether to show progress.

    Returns
    -------
    waveforms, labels, classes, sample_rate
        Waveforms (N, T), float32, in the order of the table; targets (N,), integers; names of the
        classes, indexed by target, empty for a target that the table does not have; samples per
        second.

    Raises
    ------
    ImportError, FileNotFoundError, ValueError
        If soundfile is not installed; if the table or a sound is missing; if the table lacks a
        column, names a target twice or has no row in a fold, or the sounds differ in sample rate
        or in length.
    """
    rows = _read_table(Path(folder) / "meta" / "esc50.csv")
    names = {int(row["target"]): row["category"] for row in rows}
    if len({(row["target"], row["category"]) for row in rows}) > len(names):
        raise ValueError(f"folder {folder} has a table that gives a target several categories.")
    if folds is not None:
        rows = _select(rows, folds)
    paths = [Path(folder) / "audio" / row["filename"] for row in rows]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"folder must hold all sounds of its table, but lacks {len(missing)}: {missing[0]}, ..."
        )
    waveforms, rate = _read_all(paths, sample_rate, duration, False, verbose)
    labels = np.array([int(row["target"]) for row in rows])
    classes = [names.get(target, "") for target in range(max(names) + 1)]
    return waveforms, labels, classes, rate


def wav_folder(
    folder: str | Path,
    sample_rate: int | None = None,
    duration: float | None = None,
    mono: bool = False,
    verbose: bool = False,
) -> tuple[np.ndarray, np.ndarray, list[str], int]:
    """
    Read the sounds of a folder that holds a folder for each class, ``class_name/*.wav``.

    `mono` is as for `load_wav`, the others as for `esc50`.

    Returns
    -------
    waveforms, labels, classes, sample_rate
        Waveforms (N, T), float32, class by class; classes (N,), integers; their names, in
        alphabetical order; samples per second.

    Raises
    ------
    ImportError, ValueError
        If soundfile is not installed; if a class has no sound, or the sounds differ in sample rate
        or in length.
    """
    paths, labels, classes = class_files(folder, ".wav")
    waveforms, rate = _read_all(paths, sample_rate, duration, mono, verbose)
    return waveforms, labels, classes, rate


def resample(waveform: np.ndarray, sample_rate: int, wanted: int) -> np.ndarray:
    """
    Resample a waveform (T,) to one (ceil(T · wanted / sample_rate),), float32.

    Both rates are in samples per second, positive integers, else a ValueError.

    Examples
    --------
    >>> resample(np.ones(44100), 44100, 16000).shape
    (16000,)
    """
    check_integer("sample_rate", sample_rate, lowest=1)
    check_integer("wanted", wanted, lowest=1)
    common = math.gcd(sample_rate, wanted)
    up, down = wanted // common, sample_rate // common
    return resample_poly(waveform, up, down).astype(np.float32)


def fit_duration(waveform: np.ndarray, sample_rate: int, duration: float) -> np.ndarray:
    """
    Cut a waveform (T,) at its end, or fill it up with zeros, to some seconds.

    The result has duration · sample_rate samples, rounded, at least one, else a ValueError.

    Examples
    --------
    >>> fit_duration(np.ones(3), sample_rate=4, duration=1.25)
    array([1., 1., 1., 0., 0.])
    """
    check_integer("sample_rate", sample_rate, lowest=1)
    if not is_number(duration) or not 1 <= round(duration * sample_rate) <= MOST:
        raise ValueError(
            f"duration must be a number of seconds, of 1 to {MOST} samples, got {duration!r}."
        )
    length = round(duration * sample_rate)
    return np.pad(waveform[:length], (0, max(0, length - len(waveform))))


def _read_table(path: Path) -> list[dict[str, str]]:
    """The rows of ESC-50's table, checked."""
    try:
        with check_file(path, "ESC-50's table").open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns, rows = table.fieldnames or (), list(table)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no table in UTF-8: {error}.") from error
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise ValueError(f"{path} must have the columns {_COLUMNS}, but lacks {missing}.")
    for line, row in enumerate(rows, start=2):
        numbers = all(re.fullmatch(r"[0-9]{1,4}", row[name] or "") for name in ("fold", "target"))
        if not numbers or not row["category"] or Path(row["filename"]).name != row["filename"]:
            raise ValueError(
                f"{path} must give fold and target as numbers below 10000, a category, and the "
                f"name of a file in the folder audio, got {row} (row {line})."
            )
    if not rows:
        raise ValueError(f"{path} must have at least one row, but is empty.")
    return rows


def _select(rows: list[dict[str, str]], folds: Iterable[int]) -> list[dict[str, str]]:
    known = {int(row["fold"]) for row in rows}
    chosen = list(folds) if isinstance(folds, Iterable) else []
    if not chosen or not all(is_integer(fold) and fold in known for fold in chosen):
        raise ValueError(f"folds must be some of {sorted(known)}, got {folds!r}.")
    return [row for row in rows if int(row["fold"]) in chosen]


def _read_all(
    paths: list[Path], sample_rate: int | None, duration: float | None, mono: bool, verbose: bool
) -> tuple[np.ndarray, int]:
    """Sounds (N, T) of one sample rate and one length, and the rate."""
    check_integer("sample_rate", sample_rate, lowest=1, optional=True)
    rates: list[int] = []

    def read(path: Path) -> np.ndarray:
        waveform, rate = load_wav(path, mono)
        if sample_rate is not None:
            waveform, rate = resample(waveform, rate, sample_rate), sample_rate
        rates.append(rate)
        if rate != rates[0]:
            raise ValueError(
                f"sample_rate must be given, for files differ: {paths[0]} has {rates[0]} samples "
                f"per second, {path} has {rate}."
            )
        return waveform if duration is None else fit_duration(waveform, rate, duration)

    differ = "duration must be given, for files differ: {} has {[0]} samples, {} has {[0]}."
    return read_alike(paths, read, "sounds", verbose, differ), rates[0]
