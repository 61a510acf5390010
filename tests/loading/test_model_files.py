"""Models from files: what they compute, and that no code of theirs runs unless it may."""

from __future__ import annotations

import contextlib
import io
import logging
import pickle
import zipfile
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from scipy.special import softmax
from torch import nn

from wam_xplique import WaveletSaliency
from wam_xplique.analysis.predictions import predict
from wam_xplique.loading.model_files import load_file
from wam_xplique.loading.preprocessing import Preprocess

from ..cli.conftest import SIZE

IN_TORCH = ("TorchScript", "trace", "torch.export", "torch.export, any batch", "pickle")
CODE = ("torch.export", "torch.export, any batch", "pickle")


class Touch:
    """What makes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def marker(tmp_path) -> Path:
    """A file that is there once code of a model has run."""
    return tmp_path / "code has run"


def rewrite(source: str | Path, path: Path, change) -> Path:
    """An archive with the content of its members changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.infolist():
            new.writestr(member.filename, change(member.filename, old.read(member)))
    return path


def save_function(path: Path, function, *specs: tf.TensorSpec, name: str = "serve") -> Path:
    module = tf.Module()
    module.function = tf.function(function, input_signature=specs)
    tf.saved_model.save(module, str(path), {name: module.function.get_concrete_function()})
    return path


@pytest.mark.parametrize("kind", ["keras", "h5", "SavedModel", *IN_TORCH])
def test_every_format_computes_what_it_did_once_trusted(kind, model_files, network, pixels):
    path = Path(model_files[kind])
    if kind in CODE:
        with pytest.raises(ValueError, match=r"is not loaded, because it .* pass --trust"):
            load_file(path)
    loaded = load_file(path, trust=kind in CODE)
    x = pixels.astype(np.float32) / 255
    expected = np.asarray(network(x))
    native = torch.tensor(np.moveaxis(x, -1, 1).copy()) if kind in IN_TORCH else x
    np.testing.assert_allclose(predict(loaded.model, native), expected, atol=1e-5)
    if kind in ("keras", "h5"):
        logits = predict(loaded.logits, native)
        assert not np.allclose(logits, expected, atol=0.01)
        np.testing.assert_allclose(softmax(logits, axis=1), expected, atol=1e-5)
    else:
        assert loaded.logits is loaded.model
    assert loaded.channels_first == (kind in IN_TORCH)
    told = (3, SIZE, SIZE) if kind in IN_TORCH else (SIZE, SIZE, 3)
    assert loaded.shape == (None if kind in ("TorchScript", "trace", "pickle") else told)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_program_of_batches_of_one_size_takes_any(count, model_files, module):
    loaded = load_file(Path(model_files["torch.export"]), trust=True)
    x = torch.rand(count, 3, SIZE, SIZE)
    with torch.no_grad():
        expected = module(x).numpy()
    np.testing.assert_allclose(predict(loaded.model, x), expected, rtol=1e-4)


def test_open_sizes_are_told(module, tmp_path):
    layers = [nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    dims = ({2: torch.export.Dim("H", min=4), 3: torch.export.Dim("W", min=4)},)
    example = torch.zeros(2, 3, 8, 8)
    program = torch.export.export(nn.Sequential(*layers).eval(), (example,), dynamic_shapes=dims)
    torch.export.save(program, tmp_path / "open.pt2")
    assert load_file(tmp_path / "open.pt2", trust=True).shape == (3, None, None)


@pytest.mark.parametrize("name", ["model.pt", "model.keras", "model.pt2", "noname"])
def test_a_pickle_is_known_by_its_content(name, marker, tmp_path):
    path = tmp_path / name
    saves = [partial(torch.save, _use_new_zipfile_serialization=zipped) for zipped in (True, False)]
    for save in (*saves, lambda touch, path: path.write_bytes(pickle.dumps(touch))):
        save(Touch(marker), path)
        with pytest.raises(ValueError, match="because it is a pickle, which is code"):
            load_file(path)
    assert not marker.exists()


def test_a_trusted_pickle_runs_its_code_and_must_be_a_model(marker, module, tmp_path):
    torch.save([Touch(marker)], tmp_path / "code.pt")
    with pytest.raises(ValueError, match="it holds a list and no model"):
        load_file(tmp_path / "code.pt", trust=True)
    assert marker.exists()
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"OrderedDict and no model; weights alone"):
        load_file(tmp_path / "weights.pt", trust=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["pickle", "expression"])
def test_torch_export_runs_code_that_is_in_the_file(
    way, marker, model_files, tmp_path, monkeypatch
):
    """Why such a file needs trust, though it looks like data."""
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # a broken message

    def change(name: str, content: bytes) -> bytes:
        if way == "pickle" and "sample_inputs" in name:
            torch.save((Touch(marker),), buffer := io.BytesIO())
            return buffer.getvalue()
        if way == "expression" and name.endswith("models/model.json"):
            code = f"__import__('pathlib').Path('{marker}').touch() or Symbol("
            return content.replace(b"Symbol(", code.encode())
        return content

    path = rewrite(model_files["torch.export, any batch"], tmp_path / "evil.pt2", change)
    with pytest.raises(ValueError, match=r"torch.export, of which loading runs pickles and expr"):
        load_file(path)
    assert not marker.exists()
    with contextlib.suppress(ValueError):  # it has run before anything is found to be wrong
        load_file(path, trust=True)
    assert marker.exists()


@pytest.mark.parametrize("member", ["data.pkl", "constants.pkl"])
def test_a_pickle_within_torchscript_runs_no_code(member, marker, model_files, tmp_path):
    def change(name: str, content: bytes) -> bytes:
        return pickle.dumps((Touch(marker),), protocol=2) if name.endswith(member) else content

    path = rewrite(model_files["TorchScript"], tmp_path / "evil.pt", change)
    for trust in (False, True):  # PyTorch's reader of these knows no Python
        with pytest.raises(ValueError, match="cannot be loaded"):
            load_file(path, trust)
    assert not marker.exists()


def test_torchscript_that_writes_a_file_while_it_is_loaded_is_refused(marker, tmp_path):
    class Writer(nn.Module):
        def __init__(self, path: str):
            super().__init__()
            self.path = path

        @torch.jit.export
        def __getstate__(self) -> tuple[str, bool]:
            return self.path, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[str, bool]) -> None:
            self.path, self.training = state
            torch.save(torch.zeros(1), self.path)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    torch.jit.save(torch.jit.script(Writer(str(marker))), tmp_path / "writer.pt")
    with pytest.raises(ValueError, match=r"calls what is not known to be harmless: \['save'\]"):
        load_file(tmp_path / "writer.pt")
    assert not marker.exists()
    load_file(tmp_path / "writer.pt", trust=True)
    assert marker.exists()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layers_are_refused(suffix, model_files, tmp_path):
    layers = [keras.layers.Input((4,)), keras.layers.Lambda(lambda x: 2 * x)]
    path = tmp_path / f"model{suffix}"
    keras.Sequential([keras.layers.Input((4,)), keras.Sequential(layers)]).save(path)
    with pytest.raises(ValueError, match="has a Lambda layer, which holds Python code"):
        load_file(path)
    with pytest.raises(ValueError, match="Lambda"):  # what we look for is what Keras refuses
        keras.models.load_model(path)
    model = load_file(path, trust=True).model
    np.testing.assert_array_equal(model(np.ones((1, 4))), np.full((1, 4), 2))
    if suffix == ".h5":  # and is an archive of a harmless model as well
        path.write_bytes(path.read_bytes() + Path(model_files["keras"]).read_bytes())
        with pytest.raises(ValueError, match="has a Lambda layer, which holds Python code"):
            load_file(path)


def test_a_saved_model_that_writes_a_file_while_it_is_loaded_is_refused(marker, tmp_path):
    class Resource(tf.saved_model.experimental.TrackableResource):
        def _create_resource(self):
            return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name="resource")

        def _initialize(self):
            tf.io.write_file(str(marker), "hello")

    model = tf.Module()
    model.resource = Resource()
    model.call = tf.function(lambda x: x, input_signature=[tf.TensorSpec((None, 4))])
    tf.saved_model.save(model, str(tmp_path / "saved"), model.call)
    marker.unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"not known to be harmless: \['WriteFile'\]"):
        load_file(tmp_path / "saved")
    assert not marker.exists()
    load_file(tmp_path / "saved", trust=True)
    assert marker.exists()


RAW, SLICES = tf.raw_ops, {"tensor_names": ["x"], "shape_and_slices": [""]}
FLUSHED = {"max_queue": 1, "flush_millis": 1, "filename_suffix": ""}
HARMFUL = {
    "EagerPyFunc": lambda x, path: tf.py_function(lambda x: 2 * x, [x], tf.float32),
    "PyFunc": lambda x, path: tf.numpy_function(lambda x: 2 * x, [x], tf.float32),
    "PrintV2": lambda x, path: tf.print(x, output_stream=f"file://{path}"),
    "WriteFile": lambda x, path: tf.io.write_file(path, "x"),
    "ReadFile": lambda x, path: tf.io.read_file(path),
    "MatchingFiles": lambda x, path: tf.io.matching_files(path),
    "SaveV2": lambda x, path: RAW.SaveV2(prefix=path, **SLICES, tensors=[x]),
    "RestoreV2": lambda x, path: RAW.RestoreV2(prefix=path, **SLICES, dtypes=[tf.float32]),
    "ImmutableConst": lambda x, path: RAW.ImmutableConst(
        dtype=tf.float32, shape=[4], memory_region_name=path
    ),
    "DebugIdentityV2": lambda x, path: RAW.DebugIdentityV2(input=x, debug_urls=[f"file://{path}"]),
    "TextLineDataset": lambda x, path: RAW.TextLineDataset(
        filenames=path, compression_type="", buffer_size=0
    ),
    "LMDBReader": lambda x, path: RAW.LMDBReader(),
    "InitializeTableFromTextFileV2": lambda x, path: RAW.InitializeTableFromTextFileV2(
        table_handle=RAW.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64),
        filename=path,
        key_index=-2,
        value_index=-1,
    ),
    "CreateSummaryFileWriter": lambda x, path: RAW.CreateSummaryFileWriter(
        writer=RAW.SummaryWriter(), logdir=path, **FLUSHED
    ),
    "Abort": lambda x, path: RAW.Abort(),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_saved_models_that_do_more_than_infer_are_refused(name, tmp_path):
    def function(x):
        HARMFUL[name](x, str(tmp_path / "touched"))
        return {"y": 2 * x}

    path = save_function(tmp_path / "saved", function, tf.TensorSpec((None, 4), name="x"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=rf"not known to be harmless: \[.*'{name}'"):
        load_file(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_saved_model_of_the_older_kind_is_refused(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 4))
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "old"), {"x": x}, {"y": 2 * x})
    with pytest.raises(ValueError, match="was saved by TensorFlow 1"):
        load_file(tmp_path / "old")


@pytest.mark.parametrize(
    "line", ["torch.save(1, 'f')", "(torch).from_file('f')", "_9 = torch.save", "self.save('f')"]
)
def test_torchscript_that_calls_more_than_inference_needs_is_refused(line, model_files, tmp_path):
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith(".py"):
            return content
        # A name that is given away later is that of both.
        more = f"    {line}\n" + "    _9(1, 'f')\n    _9 = self.training\n" * ("_9" in line)
        return content.replace(b"    return ", more.encode() + b"    return ", 1)

    path = rewrite(model_files["TorchScript"], tmp_path / "evil.pt", change)
    with pytest.raises(ValueError, match=r"not known to be harmless: \[.*'(save|from_file)'"):
        load_file(path)


def test_a_keras_with_holes_loads_nothing(model_files, monkeypatch):
    monkeypatch.setattr(keras, "__version__", "3.13.2")
    with pytest.raises(ValueError, match=r"Keras 3\.13\.2, which has holes|Keras 3\.14"):
        load_file(Path(model_files["keras"]))
    load_file(Path(model_files["keras"]), trust=True)


@pytest.mark.parametrize("kind", ["keras", "h5", "TorchScript"])
def test_broken_files_are_told(kind, model_files, tmp_path):
    source = Path(model_files[kind])
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"--model {path} (cannot be loaded|is none of)"):
        load_file(path)
    (tmp_path / "saved_model.pb").write_bytes(b"no graph")
    with pytest.raises(ValueError, match="cannot be loaded"):
        load_file(tmp_path)


def test_what_is_no_model_is_told(tmp_path):
    paths = [tmp_path / name for name in ("empty", "text", "folder", "it.zip")]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(b"text")
    paths[2].mkdir()
    with zipfile.ZipFile(paths[3], "w") as archive:
        archive.writestr("something", "else")
    for path in paths:
        with pytest.raises(ValueError, match="is none of a Keras file, a SavedModel folder"):
            load_file(path)


def test_keras_models_that_are_incomplete_or_take_several_inputs_are_told(tmp_path):
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    two = [keras.layers.Input((4,)), keras.layers.Input((4,))]
    for model, message in (
        (keras.Sequential([keras.layers.Input((4,)), Own()]), "Could not locate class"),
        (keras.Model(two, keras.layers.Add()(two)), "it has several inputs"),
    ):
        model.save(tmp_path / "own.keras")
        with pytest.raises(ValueError, match=rf"own.keras cannot be loaded: {message}"):
            load_file(tmp_path / "own.keras")


def test_signatures_of_saved_models(tmp_path):
    floats = tf.TensorSpec((None, 4), name="x")
    model = load_file(save_function(tmp_path / "one", lambda x: {"y": x + 1}, floats)).model
    np.testing.assert_array_equal(model(np.zeros((2, 4), np.float32)), np.ones((2, 4)))
    bytes_ = tf.TensorSpec((None, 4, 4, 3), tf.uint8, name="x")
    loaded = load_file(save_function(tmp_path / "bytes", lambda x: {"y": x}, bytes_))
    assert loaded.takes is Preprocess.none
    assert loaded.shape == (4, 4, 3)
    wrong = {
        "the inputs": (lambda x, z: {"y": x + z}, floats, tf.TensorSpec((None, 4), name="z")),
        "the outputs": (lambda x: {"y": x, "z": x}, floats),
        "takes string": (lambda x: {"y": x}, tf.TensorSpec((None,), tf.string, name="x")),
    }
    for message, (function, *specs) in wrong.items():
        with pytest.raises(ValueError, match=message):
            load_file(save_function(tmp_path / message, function, *specs))


def test_a_saved_model_of_batches_of_one_size_is_explained(tmp_path):
    fixed = tf.TensorSpec((2, 8, 8, 3), name="x")
    path = save_function(tmp_path / "fixed", lambda x: {"y": tf.reduce_mean(x**2, (1, 2))}, fixed)
    x, y = np.random.default_rng(0).random((3, 8, 8, 3), np.float32), np.eye(3, dtype=np.float32)
    found = WaveletSaliency(load_file(path).model).explain_wavelet(x, y).mosaic()
    given = keras.Input((8, 8, 3))
    model = keras.Model(given, keras.ops.mean(given**2, (1, 2)))
    expected = WaveletSaliency(model).explain_wavelet(x, y).mosaic()
    np.testing.assert_allclose(found, expected, atol=1e-6)
