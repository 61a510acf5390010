"""Sounds from files written here: what comes back, and what is refused."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest

from wam_xplique.datasets import esc50, fit_duration, load_wav, resample, save_wav, wav_folder

soundfile = pytest.importorskip("soundfile")

RATE = 8000
COLUMNS = ("filename", "fold", "target", "category")
STEP = 2.0**-15  # of 16 bits


def tone(seconds: float = 0.1, rate: int = RATE, pitch: float = 500.0) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Three sounds in ESC-50's layout; the table is not in the order of targets or names."""
    (tmp_path / "audio").mkdir()
    (tmp_path / "meta").mkdir()
    rows = [("c.wav", 2, 3, "rain"), ("a.wav", 1, 0, "dog"), ("b.wav", 2, 0, "dog")]
    for i, (name, *_) in enumerate(rows):
        save_wav(tmp_path / "audio" / name, (i + 1) * 0.5 * tone(), RATE)
    write_table(tmp_path, rows)
    return tmp_path


def write_table(folder, rows, columns=COLUMNS):
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


def test_what_is_saved_is_loaded(tmp_path):
    wave = tone()
    for given in (wave, wave[:, np.newaxis]):
        assert save_wav(tmp_path / "a.wav", given, RATE) == 1
        loaded, rate = load_wav(tmp_path / "a.wav")
        assert (loaded.shape, loaded.dtype, rate) == (wave.shape, np.float32, RATE)
        np.testing.assert_allclose(loaded, wave, atol=STEP)


def test_beyond_full_scale_the_whole_waveform_is_scaled_and_nothing_clipped(tmp_path):
    gain = save_wav(tmp_path / "a.wav", 8 * tone(), RATE)
    assert gain == pytest.approx(1 / np.abs(8 * tone()).max())
    loaded, _ = load_wav(tmp_path / "a.wav")
    np.testing.assert_allclose(loaded, gain * 8 * tone(), atol=2 * STEP)
    assert save_wav(tmp_path / "b.wav", np.array([1.0, -1.0]), RATE) == 1


def test_subtypes_are_those_of_soundfile(tmp_path):
    save_wav(tmp_path / "a.wav", tone(), RATE, subtype="FLOAT")
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"
    np.testing.assert_array_equal(load_wav(tmp_path / "a.wav")[0], tone())
    save_wav(tmp_path / "b.wav", tone(), RATE)
    assert soundfile.info(tmp_path / "b.wav").subtype == "PCM_16"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"waveform": np.zeros((5, 2))}, ValueError, r"waveform must have shape .*\(5, 2\)"),
        ({"waveform": np.zeros(0)}, ValueError, r"waveform must have shape .*\(0,\)"),
        ({"waveform": np.array([0, np.nan])}, ValueError, "waveform must be finite"),
        ({"waveform": np.array([0, 3])}, TypeError, "floating-point samples.*int64"),
        ({"waveform": np.array([0j])}, TypeError, "floating-point samples.*complex128"),
        ({"sample_rate": 0}, ValueError, "sample_rate must be an integer of at least 1, got 0"),
        ({"subtype": "MP4"}, ValueError, "subtype must be one of .*PCM_16.*'MP4'"),
    ],
)
def test_what_cannot_be_saved_is_refused_and_nothing_written(tmp_path, change, error, message):
    path = tmp_path / "a.wav"
    with pytest.raises(error, match=message):
        save_wav(path, **{"waveform": tone(), "sample_rate": RATE, **change})
    assert not path.exists()


def test_what_is_no_sound_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.wav is no file"):
        load_wav(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(ValueError, match=r"text.wav holds no sound"):
        load_wav(tmp_path / "text.wav")
    for samples in (np.zeros(0), np.array([0, np.nan]), np.array([np.inf])):
        soundfile.write(tmp_path / "odd.wav", samples, RATE, "FLOAT")
        with pytest.raises(ValueError, match=r"odd.wav must hold finite samples, at least one"):
            load_wav(tmp_path / "odd.wav")


def test_without_soundfile_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)  # then it cannot be imported
    for use, *given in ((load_wav,), (save_wav, tone(), RATE)):
        with pytest.raises(ImportError, match=r"soundfile is .*pip install 'wam-xplique\[audio\]'"):
            use(tmp_path / "a.wav", *given)


def test_esc50_gives_the_rows_of_its_table(folder):
    waveforms, labels, classes, rate = esc50(folder)
    assert (waveforms.dtype, rate) == (np.float32, RATE)
    expected = np.stack([0.5 * tone(), tone(), 1.5 * tone()])
    np.testing.assert_allclose(waveforms, expected, atol=2 * STEP)
    np.testing.assert_array_equal(labels, [3, 0, 0])
    assert labels.dtype.kind == "i"
    assert classes == ["dog", "", "", "rain"]


def test_folds_select_rows_but_no_classes(folder):
    waveforms, labels, classes, _ = esc50(folder, folds=[1])
    np.testing.assert_allclose(waveforms, [tone()], atol=STEP)
    np.testing.assert_array_equal(labels, [0])
    assert classes == ["dog", "", "", "rain"]
    for folds in ([3], [], [1, 7], 1, "1", [True], [[1]]):
        with pytest.raises(ValueError, match=r"folds must be some of \[1, 2\], got"):
            esc50(folder, folds=folds)


def test_sounds_are_resampled_cut_and_filled(folder):
    waveforms, _, _, rate = esc50(folder, sample_rate=4000, duration=0.15)
    assert (waveforms.shape, rate) == ((3, 600), 4000)
    np.testing.assert_array_equal(waveforms[:, 400:], 0)
    middle = slice(50, 350)
    np.testing.assert_allclose(waveforms[1][middle], tone(rate=4000)[middle], atol=1e-2)
    assert esc50(folder, duration=0.05)[0].shape == (3, 400)


def test_incomplete_data_sets_are_refused(folder):
    row = ("a.wav", 1, 0, "dog")
    (folder / "audio" / "b.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks 1: .*b.wav"):
        esc50(folder)
    for rows, columns, message in (
        ([row[:3]], COLUMNS[:3], r"lacks \['category'\]"),
        ([], COLUMNS, "at least one row"),
        ([("a.wav", 1, "dog", "dog")], COLUMNS, "as numbers"),
        ([row, ("c.wav", 1, 0, "cat")], COLUMNS, "several"),
    ):
        write_table(folder, rows, columns)
        with pytest.raises(ValueError, match=message):
            esc50(folder)
    table = folder / "meta" / "esc50.csv"
    for content in (b"\xff\xfe", b"a" * 200_000):
        table.write_bytes(b"filename,fold,target,category\na.wav,1,0," + content)
        with pytest.raises(ValueError, match=r"esc50.csv is no table in UTF-8"):
            esc50(folder)
    table.unlink()
    with pytest.raises(FileNotFoundError, match=r"esc50.csv is no file"):
        esc50(folder)


@pytest.mark.parametrize("name", ["../b.wav", "/etc/b.wav", "x/b.wav", "..", ""])
def test_a_table_leads_to_no_file_elsewhere(folder, name):
    write_table(folder, [(name, 1, 0, "dog")])
    with pytest.raises((ValueError, FileNotFoundError), match=r"folder audio|lacks 1"):
        esc50(folder)
    write_table(folder, [("a.wav", 1, 10**12, "dog")])
    with pytest.raises(ValueError, match="numbers below 10000"):
        esc50(folder)


@pytest.fixture
def classes(tmp_path):
    """Two classes of sounds, and things beside them that are none."""
    for name, count in (("rain", 2), ("bell", 1), (".cache", 0)):
        (tmp_path / name).mkdir()
        for i in range(count):
            save_wav(tmp_path / name / f"{i}.WAV", (i + 1) * 0.5 * tone(), RATE)
    (tmp_path / "rain" / "notes.txt").write_text("no sound")
    (tmp_path / "README").write_text("no class")
    return tmp_path


def test_folders_are_classes(classes):
    waveforms, labels, names, rate = wav_folder(classes)
    assert (names, rate) == (["bell", "rain"], RATE)
    np.testing.assert_array_equal(labels, [0, 1, 1])
    expected = np.stack([0.5 * tone(), 0.5 * tone(), tone()])
    np.testing.assert_allclose(waveforms, expected, atol=STEP)


def test_files_that_differ_need_to_be_told_what_to_become(classes):
    save_wav(classes / "rain" / "2.wav", tone(0.2), RATE)
    with pytest.raises(ValueError, match=r"duration must be given.*800 samples.*2.wav has 1600"):
        wav_folder(classes)
    assert wav_folder(classes, duration=0.1)[0].shape == (4, 800)
    save_wav(classes / "rain" / "2.wav", tone(rate=4000), 4000)
    with pytest.raises(ValueError, match=r"sample_rate must be given.*8000 .*2.wav has 4000"):
        wav_folder(classes)
    assert wav_folder(classes, sample_rate=RATE)[0].shape == (4, 800)
    with pytest.raises(ValueError, match="sample_rate must be None or an integer"):
        wav_folder(classes, sample_rate=0)


def test_folders_without_classes_or_sounds_are_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ValueError, match=r"one folder for each class.*holds none"):
            wav_folder(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"\.wav files in each class, but .*empty holds none"):
        wav_folder(tmp_path)


def test_several_channels_are_mixed_only_if_asked(classes):
    path = classes / "bell" / "1.wav"
    soundfile.write(path, np.stack([tone(), -0.5 * tone()], axis=1), RATE)
    for read, source in ((load_wav, path), (wav_folder, classes)):
        with pytest.raises(ValueError, match=r"1.wav holds 2 channels; mono=True"):
            read(source)
    np.testing.assert_allclose(load_wav(path, mono=True)[0], 0.25 * tone(), atol=STEP)
    assert wav_folder(classes, mono=True)[0].shape == (4, 800)


def test_progress_is_shown_only_if_asked(classes, capsys):
    wav_folder(classes)
    assert "read sounds" not in capsys.readouterr().err
    wav_folder(classes, verbose=True)
    assert "read sounds" in capsys.readouterr().err


def test_resampling_keeps_pitch_and_level():
    wave = resample(tone(1.0, 22050), 22050, RATE)
    assert (len(wave), wave.dtype) == (RATE, np.float32)
    np.testing.assert_allclose(wave[200:-200], tone(1.0)[200:-200], atol=5e-3)
    np.testing.assert_array_equal(resample(tone(), RATE, RATE), tone())
    with pytest.raises(ValueError, match="wanted must be an integer"):
        resample(tone(), RATE, 0)


@pytest.mark.parametrize("duration", [0, -1.0, np.inf, None])
def test_durations_are_positive_numbers(duration):
    with pytest.raises(ValueError, match=r"duration must be a number of seconds"):
        fit_duration(tone(), RATE, duration)
