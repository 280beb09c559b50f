"""Data sets: the IDX reader, the subset in the package, finding, checking and downloading MNIST."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import pickle
import runpy
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_jp import data
from tinygrad_jp.data import ChecksumError, IdxFormatError, MissingFileError, Mnist, datasets, mnist, read_idx
from tinygrad_jp.data import download as downloading
from tinygrad_jp.data.idx import parse_idx
from tinygrad_jp.errors import DataError
from tinygrad_jp.files import write_atomically

ROOT = Path(__file__).parent.parent
NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
IDX_ARRAYS = st.sampled_from(list(CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)


def idx(array: np.ndarray) -> bytes:
    """The content of an IDX file, written down independently of the reader."""
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def outcome(read: Callable[[], np.ndarray]) -> np.ndarray | str:
    """What was read, or the message of the format error."""
    try:
        return read()
    except IdxFormatError as error:
        return str(error)


SAMPLE = idx(np.arange(6, dtype=np.int16).reshape(2, 3))
SAMPLE_GZIP = gzip.compress(SAMPLE, mtime=0)


def genuine_directory() -> Path | None:
    named = os.environ.get("TINYGRAD_JP_DATA")
    candidates = [Path(named), Path(named) / "mnist"] if named else []
    candidates.append(ROOT.parent / "shared" / "mnist")
    return next((place for place in candidates if datasets.find(NAMES[0], [place])), None)


GENUINE = genuine_directory()  # before `elsewhere` hides the environment variable
needs_genuine = pytest.mark.skipif(
    GENUINE is None, reason="MNIST's files are neither in TINYGRAD_JP_DATA nor in ../shared/mnist"
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the user's files, the user's cache and the network."""
    home = tmp_path / "home"
    monkeypatch.delenv("TINYGRAD_JP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(home / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(datasets, "MIRRORS", ())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Four small files that take the place of MNIST's: name → decompressed content; their checksums are expected."""
    rng = np.random.default_rng(1)
    arrays = [
        rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        np.array([3, 1, 4, 1, 5], dtype=np.uint8),
        rng.integers(0, 256, (2, 28, 28), dtype=np.uint8),
        np.array([9, 2], dtype=np.uint8),
    ]
    contents = {name: idx(array) for name, array in zip(NAMES, arrays, strict=True)}
    monkeypatch.setattr(datasets, "SHA256", {n: hashlib.sha256(c).hexdigest() for n, c in contents.items()})
    return contents


def put(directory: Path, contents: dict[str, bytes], spelling: Callable[[str], str] = str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (directory / spelling(name)).write_bytes(content)
    return directory


class Mirrors:
    """A server on this machine: each directory is a mirror, made of path → response body."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.cut: set[str] = set()  # paths whose body stops halfway
        self.asked: list[str] = []
        self.release = threading.Event()  # until it is set, paths of the mirror "slow" get no answer
        mirrors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirrors.asked.append(self.path)
                if self.path.startswith("/slow/"):
                    mirrors.release.wait(10)
                body = mirrors.bodies.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if self.path in mirrors.cut else body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def url(self, mirror: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{mirror}/"

    def serve(self, mirror: str, contents: dict[str, bytes]) -> None:
        self.bodies |= {f"/{mirror}/{name}.gz": gzip.compress(content) for name, content in contents.items()}

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    mirrors = Mirrors()
    monkeypatch.setattr(datasets, "MIRRORS", (mirrors.url("first"), mirrors.url("second")))
    yield mirrors
    mirrors.close()


def assert_small(loaded: Mnist, contents: dict[str, bytes]) -> None:
    for array, content in zip(loaded, contents.values(), strict=True):
        pixels_or_labels = parse_idx(content, "small").reshape(array.shape)
        scale = np.float32(255) if array.dtype == np.float32 else 1
        np.testing.assert_array_equal(array, pixels_or_labels / scale)


# ------------------------------------------------------------------------------------------------ IDX files


@settings(deadline=None)
@given(array=IDX_ARRAYS, compress=st.booleans())
def test_idx_round_trip(array: np.ndarray, compress: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.idx"
    path.write_bytes(gzip.compress(idx(array)) if compress else idx(array))
    got = read_idx(path)
    assert got.dtype == array.dtype
    assert got.dtype.isnative
    assert got.flags.writeable
    assert got.shape == array.shape
    np.testing.assert_array_equal(got, array)


def test_idx_by_hand(tmp_path: Path) -> None:
    """Bytes typed from the description of the format: a 2×2 matrix of int16, then a vector of float32."""
    path = tmp_path / "a"
    path.write_bytes(bytes.fromhex("00000b02 00000002 00000002 0001 0100 ffff 8000"))
    assert read_idx(str(path)).tolist() == [[1, 256], [-1, -32768]]
    path.write_bytes(bytes.fromhex("00000d01 00000002 3f800000 c0200000"))
    assert read_idx(path).tolist() == [1.0, -2.5]


@settings(deadline=None)
@given(array=IDX_ARRAYS, cut=st.integers(1, 40), extra=st.binary(min_size=1, max_size=9))
def test_idx_of_another_length_is_refused(array: np.ndarray, cut: int, extra: bytes) -> None:
    content = idx(array)
    with pytest.raises(IdxFormatError, match=r"f\.idx: (truncated|wrong magic number)"):
        parse_idx(content[:-cut], "f.idx")
    with pytest.raises(IdxFormatError, match=rf"f\.idx: {len(extra)} trailing bytes"):
        parse_idx(content + extra, "f.idx")


@settings(deadline=None)
@given(content=st.binary(max_size=64) | st.binary(max_size=64).map(b"\0\0\x08".__add__))
def test_arbitrary_bytes_are_an_array_or_a_format_error(content: bytes) -> None:
    result = outcome(lambda: parse_idx(content, "noise"))
    assert result.startswith("noise: ") if isinstance(result, str) else idx(result) == content


@settings(deadline=None, max_examples=300)
@given(position=st.integers(0, len(SAMPLE_GZIP) - 1), flip=st.integers(1, 255))
def test_corrupt_gzip_never_gives_another_array(
    position: int, flip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    corrupt = bytearray(SAMPLE_GZIP)
    corrupt[position] ^= flip
    path = tmp_path_factory.getbasetemp() / "corrupt.gz"
    path.write_bytes(corrupt)
    result = outcome(lambda: read_idx(path))
    assert result.startswith(f"{path}: ") if isinstance(result, str) else idx(result) == SAMPLE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SAMPLE[:-5], r"truncated: expected 24 bytes for int16 of shape \(2, 3\), got 19; get the file again"),
        (SAMPLE[:7], "truncated: the header of an array of 2 axes is 12 bytes, got 7; get the file again"),
        (SAMPLE + b"!", r"1 trailing bytes: expected 24 bytes for int16 of shape \(2, 3\), got 25; get the file again"),
        (b"", "wrong magic number: expected 00 00, .* got nothing; give an IDX file"),
        (b"\0\0\x0b", "wrong magic number: .* got 00 00 0b; give an IDX file"),
        (b"\0\1\x0b\0\0\0", "wrong magic number: .* got 00 01 0b 00; give an IDX file"),
        (b"\0\0\x0a\0\0", r"wrong magic number: .*\(08, 09, 0b, 0c, 0d, 0e\).* got 00 00 0a 00; give an IDX file"),
        (b"<html>sign in</html>", "wrong magic number: .* got 3c 68 74 6d; give an IDX file"),
        (SAMPLE_GZIP[:-9], r"corrupt gzip: .* got \d+ damaged or truncated bytes .* get the file again"),
        (SAMPLE_GZIP + b"junk", "corrupt gzip: .*; get the file again"),
        (gzip.compress(SAMPLE[:-1]), r"truncated: expected 24 bytes for int16 of shape \(2, 3\), got 23"),
        (b"\0\0\x08\x41" + 65 * b"\0\0\0\1" + b"x", "expected a shape that NumPy can hold, got .*; get the file again"),
        (
            b"\0\0\x08\3\0\0\0\0" + 8 * b"\xff",
            r"expected a shape that NumPy can hold, got \(0, 4294967295, 4294967295\)",
        ),
    ],
    ids=[
        *("data cut", "header cut", "trailing", "empty", "three bytes", "not zero", "unknown dtype", "html"),
        *("gzip cut", "gzip trailing", "cut, then gzip", "65 axes", "too large"),
    ],
)
def test_idx_errors_name_file_expected_got_and_remedy(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken-idx"
    path.write_bytes(content)
    with pytest.raises(IdxFormatError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert isinstance(caught.value, DataError)


def test_missing_idx_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.idx: there is no such file") as caught:
        read_idx(tmp_path / "none.idx")
    assert isinstance(caught.value, DataError)
    assert isinstance(caught.value, FileNotFoundError)


# ------------------------------------------------------------------------------------------------ the subset


def test_mini_is_stratified_with_the_documented_shapes_and_dtypes() -> None:
    mini = mnist(subset="mini")
    assert mini._fields == ("x_train", "t_train", "x_test", "t_test")
    assert mini.x_train.shape == (5000, 784)
    assert mini.x_test.shape == (1000, 784)
    assert mini.x_train.dtype == mini.x_test.dtype == np.float32
    assert mini.t_train.dtype == mini.t_test.dtype == np.int64
    assert mini.x_train.min() == 0
    assert mini.x_train.max() == 1
    assert np.bincount(mini.t_train).tolist() == [500] * 10
    assert np.bincount(mini.t_test).tolist() == [100] * 10
    assert len({x.tobytes() for x in mini.x_train} | {x.tobytes() for x in mini.x_test}) == 6000
    assert (np.diff(mini.t_train) != 0).mean() > 0.8  # the digits are mixed, so that batches are


@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("normalize", [True, False])
def test_layouts(flatten: bool, normalize: bool) -> None:
    x = mnist(subset="mini", flatten=flatten, normalize=normalize).x_test
    pixels = np.load(datasets.MINI)["x_test"]
    assert x.shape == ((1000, 784) if flatten else (1000, 1, 28, 28))
    assert x.dtype == (np.float32 if normalize else np.uint8)
    assert x.flags.writeable
    np.testing.assert_array_equal(x.reshape(1000, 784), pixels.astype(np.float32) / 255 if normalize else pixels)


def test_mini_needs_no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_JP_DATA", "no such directory")
    assert len(mnist("nor this one", subset="mini", download=False).t_test) == 1000


def test_mini_file_is_small_and_says_its_source_and_licence() -> None:
    assert datasets.MINI.stat().st_size <= 1_000_000
    with np.load(datasets.MINI, allow_pickle=False) as file:
        assert sorted(file) == sorted(Mnist._fields)
        assert {file[name].dtype for name in file} == {np.dtype(np.uint8)}
    licence = datasets.MINI.with_name("mnist_mini.LICENSE.txt").read_text(encoding="utf-8")
    for words in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0", "500 of the training images", "make_mnist_mini.py"):
        assert words in licence


def test_unknown_subset() -> None:
    with pytest.raises(ValueError, match="no subset 'tiny'; give 'mini', or None"):
        mnist(subset="tiny")


class Evil:
    """Unpickling it runs code."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, ("code-was-executed",)


def test_loading_never_unpickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    evil = np.array([Evil()], dtype=object)
    np.savez("evil.npz", x_train=evil, t_train=evil, x_test=evil, t_test=evil)
    monkeypatch.setattr(datasets, "MINI", tmp_path / "evil.npz")
    with pytest.raises(ValueError, match="allow_pickle=False"):
        mnist(subset="mini")
    with pytest.raises(IdxFormatError):
        read_idx("evil.npz")
    assert not Path("code-was-executed").exists()
    pickle.loads(pickle.dumps(Evil()))
    assert Path("code-was-executed").exists()  # so the file could have done it


@pytest.fixture(scope="module")
def genuine() -> Mnist:
    return mnist(GENUINE, download=False, normalize=False)


@needs_genuine
def test_genuine_files(genuine: Mnist) -> None:
    assert [array.shape for array in genuine] == [(60000, 784), (60000,), (10000, 784), (10000,)]
    assert genuine.t_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert genuine.t_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert genuine.x_train.mean() / 255 == pytest.approx(0.1307, abs=1e-4)  # widely quoted
    assert genuine.x_train.std() / 255 == pytest.approx(0.3081, abs=1e-4)


@needs_genuine
def test_mini_is_a_subset_of_the_genuine_data(genuine: Mnist) -> None:
    mini = mnist(subset="mini", normalize=False)
    for x, t, all_x, all_t in [(*mini[:2], *genuine[:2]), (*mini[2:], *genuine[2:])]:
        labelled = {(image.tobytes(), int(digit)) for image, digit in zip(all_x, all_t, strict=True)}
        assert all((image.tobytes(), int(digit)) in labelled for image, digit in zip(x, t, strict=True))


@needs_genuine
def test_the_script_makes_the_file_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "mini.npz"
    monkeypatch.setattr(sys, "argv", ["make_mnist_mini.py", str(GENUINE), str(output)])
    runpy.run_path(str(ROOT / "examples" / "make_mnist_mini.py"), run_name="__main__")
    with np.load(output) as made, np.load(datasets.MINI) as shipped:
        assert sorted(made) == sorted(shipped)
        for name in made:
            assert made[name].dtype == shipped[name].dtype
            np.testing.assert_array_equal(made[name], shipped[name])


# ------------------------------------------------------------------------------------------------ finding and checking


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("level", [None, 1, 9], ids=["plain", "gzip", "compressed anew"])
def test_spellings_and_compressions(
    suffix: str, dotted: bool, level: int | None, small: dict[str, bytes], tmp_path: Path
) -> None:
    files = {name: c if level is None else gzip.compress(c, level) for name, c in small.items()}
    directory = put(tmp_path, files, lambda name: (name.replace("-idx", ".idx") if dotted else name) + suffix)
    assert_small(mnist(directory, download=False), small)
    assert_small(mnist(str(directory), download=False, flatten=False, normalize=False), small)


def test_environment_variable(small: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "itself", small)
    put(tmp_path / "parent" / "mnist", small)
    for place in ("itself", "parent"):
        monkeypatch.setenv("TINYGRAD_JP_DATA", str(tmp_path / place))
        assert_small(mnist(download=False), small)
    monkeypatch.setenv("TINYGRAD_JP_DATA", "")
    with pytest.raises(MissingFileError, match="is in none of"):
        mnist(download=False)


def test_the_argument_goes_before_the_environment_variable(
    small: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYGRAD_JP_DATA", str(put(tmp_path / "bad", dict.fromkeys(NAMES, SAMPLE))))
    assert_small(mnist(put(tmp_path / "good", small), download=False), small)
    with pytest.raises(ChecksumError, match="bad"):
        mnist(download=False)


def test_cache_is_the_fallback(small: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(datasets.cache_directory(), small)
    assert_small(mnist(download=False), small)
    (tmp_path / "empty").mkdir()
    assert_small(mnist(tmp_path / "empty", download=False), small)
    monkeypatch.setenv("TINYGRAD_JP_DATA", str(tmp_path / "empty"))
    assert_small(mnist(download=False), small)


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "chosen/tinygrad_jp/mnist"),
        ("linux", None, "home/.cache/tinygrad_jp/mnist"),
        ("darwin", None, "home/Library/Caches/tinygrad_jp/mnist"),
        ("win32", "LOCALAPPDATA", "chosen/tinygrad_jp/mnist"),
        ("win32", None, "home/AppData/Local/tinygrad_jp/mnist"),
    ],
)
def test_cache_directory(
    platform: str, variable: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA")
    if variable is not None:
        monkeypatch.setenv(variable, str(tmp_path / "chosen"))
    monkeypatch.setattr(sys, "platform", platform)
    assert datasets.cache_directory() == tmp_path / expected


def test_another_content_is_refused(small: dict[str, bytes], tmp_path: Path) -> None:
    other = idx(np.zeros((5, 28, 28), np.uint8))
    put(tmp_path, small | {NAMES[0]: other})
    with pytest.raises(ChecksumError, match="mnist\\(\\) downloads it") as caught:
        mnist(tmp_path, download=False)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / NAMES[0]}: not MNIST's {NAMES[0]}")
    assert f"expected SHA-256 {hashlib.sha256(small[NAMES[0]]).hexdigest()}" in message
    assert f"got {hashlib.sha256(other).hexdigest()}" in message


def test_a_truncated_file_is_called_truncated(small: dict[str, bytes], tmp_path: Path) -> None:
    put(tmp_path, small | {NAMES[2]: small[NAMES[2]][:-1]})
    with pytest.raises(IdxFormatError, match=f"{NAMES[2]}: truncated"):
        mnist(tmp_path, download=False)


@pytest.mark.parametrize("by_argument", [True, False])
def test_missing_directory(by_argument: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "misspelt"
    monkeypatch.setenv("TINYGRAD_JP_DATA", str(missing))
    origin = "the argument directory" if by_argument else "the environment variable TINYGRAD_JP_DATA"
    with pytest.raises(MissingFileError, match=f"{origin} names .*misspelt, which is no directory; correct it"):
        mnist(missing if by_argument else None)


# ------------------------------------------------------------------------------------------------ downloading


def test_download_with_a_progress_bar(
    small: dict[str, bytes], mirrors: Mirrors, capsys: pytest.CaptureFixture[str]
) -> None:
    mirrors.serve("first", small)
    assert_small(mnist(), small)
    shown = capsys.readouterr().err
    for name in NAMES:
        assert f"{name}.gz: 100%" in shown
    assert sorted(p.name for p in datasets.cache_directory().iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    assert mirrors.asked == [f"/first/{name}.gz" for name in NAMES]
    assert_small(mnist(), small)
    assert len(mirrors.asked) == 4  # the second time nothing is downloaded


def test_download_without_tqdm(
    small: dict[str, bytes], mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    mirrors.serve("first", small)
    assert_small(mnist(), small)
    assert capsys.readouterr().err.splitlines() == [f"{name}.gz" for name in NAMES]


def test_only_what_is_missing_is_downloaded(small: dict[str, bytes], mirrors: Mirrors, tmp_path: Path) -> None:
    mirrors.serve("first", small)
    put(tmp_path / "three", {name: small[name] for name in NAMES[:3]})
    assert_small(mnist(tmp_path / "three"), small)
    assert mirrors.asked == [f"/first/{NAMES[3]}.gz"]
    assert len(list((tmp_path / "three").iterdir())) == 3  # the download went to the cache


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="404"),
        pytest.param(b"<html>sign in</html>", id="html"),
        pytest.param(SAMPLE_GZIP, id="other content"),
        pytest.param(SAMPLE_GZIP[:-4], id="corrupt gzip"),
        pytest.param(b"", id="empty"),
    ],
)
def test_a_bad_first_mirror_is_passed_over(body: bytes | None, small: dict[str, bytes], mirrors: Mirrors) -> None:
    if body is not None:
        mirrors.bodies |= {f"/first/{name}.gz": body for name in NAMES}
    mirrors.serve("second", small)
    assert_small(mnist(), small)
    assert mirrors.asked == [f"/{mirror}/{name}.gz" for name in NAMES for mirror in ("first", "second")]


def test_a_connection_that_breaks_is_passed_over(small: dict[str, bytes], mirrors: Mirrors) -> None:
    mirrors.serve("first", small)
    mirrors.serve("second", small)
    mirrors.cut = {f"/first/{NAMES[0]}.gz"}
    assert_small(mnist(), small)
    assert mirrors.asked[:3] == [f"/first/{NAMES[0]}.gz", f"/second/{NAMES[0]}.gz", f"/first/{NAMES[1]}.gz"]


def test_a_mirror_that_never_answers_is_passed_over(
    small: dict[str, bytes], mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "TIMEOUT", 0.2)
    monkeypatch.setattr(datasets, "MIRRORS", (mirrors.url("slow"), mirrors.url("second")))
    mirrors.serve("slow", small)  # right, but only after ten seconds
    mirrors.serve("second", small)
    assert_small(mnist(), small)
    assert mirrors.asked == [f"/{mirror}/{name}.gz" for name in NAMES for mirror in ("slow", "second")]


def test_without_network_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        monkeypatch.setattr(datasets, "MIRRORS", (url, f"{url}other/"))
        with pytest.raises(MissingFileError) as caught:
            mnist(tmp_path)
    message = str(caught.value)
    assert f"{NAMES[0]} is in none of" in message
    assert f"{url}{NAMES[0]}.gz: URLError" in message
    assert f"{url}other/{NAMES[0]}.gz: URLError" in message
    assert "with or without .gz" in message
    for hint in (*NAMES, str(tmp_path), str(datasets.cache_directory()), "TINYGRAD_JP_DATA", "mnist(subset='mini')"):
        assert hint in message
    assert isinstance(caught.value, DataError)


def test_wrong_content_everywhere_is_reported(small: dict[str, bytes], mirrors: Mirrors) -> None:
    mirrors.serve("first", dict.fromkeys(NAMES, SAMPLE))
    mirrors.bodies[f"/second/{NAMES[0]}.gz"] = b"<html>"
    with pytest.raises(MissingFileError) as caught:
        mnist()
    assert f"{mirrors.url('first')}{NAMES[0]}.gz: ChecksumError" in str(caught.value)
    assert f"{mirrors.url('second')}{NAMES[0]}.gz: ChecksumError" in str(caught.value)
    assert not datasets.cache_directory().exists()  # bad content never reaches the disk


def test_download_false_stays_off_the_network(small: dict[str, bytes], mirrors: Mirrors) -> None:
    mirrors.serve("first", small)
    with pytest.raises(MissingFileError, match=r"download=False.*\nPut these four files"):
        mnist(download=False)
    assert mirrors.asked == []


def test_a_cache_that_cannot_be_made_is_reported(small: dict[str, bytes], mirrors: Mirrors, tmp_path: Path) -> None:
    mirrors.serve("first", small)
    (tmp_path / "home").write_text("a file where the directory should be")
    with pytest.raises(MissingFileError, match=r"(NotADirectory|FileExists|FileNotFound)Error.*home"):
        mnist()


def test_a_failed_download_leaves_a_good_file_alone(small: dict[str, bytes], mirrors: Mirrors, tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(b"good")
    mirrors.bodies["/first/file.gz"] = b"bad"

    def refuse(content: bytes, url: str) -> None:
        raise DataError(f"{url}: {content!r} is bad")

    with pytest.raises(DataError, match=r"file\.gz could not be downloaded:\n.*b'bad' is bad\n.*404"):
        downloading.download([mirrors.url("first") + "file.gz", mirrors.url("second") + "file.gz"], path, refuse)
    assert path.read_bytes() == b"good"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "no space left"), KeyboardInterrupt()])
def test_writing_is_all_or_nothing(
    step: str, failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        assert len(list(tmp_path.iterdir())) == 2  # the file as it was, and the part beside it
        assert path.read_bytes() == b"good"
        raise failure

    path = tmp_path / "file"
    path.write_bytes(b"good")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(type(failure)):
            write_atomically(path, b"better")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"good"
    write_atomically(path, b"better")
    assert path.read_bytes() == b"better"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# ------------------------------------------------------------------------------------------------ the module


def test_public_names_are_documented() -> None:
    assert {"ChecksumError", "IdxFormatError", "MissingFileError", "Mnist", "mnist", "read_idx"} <= set(data.__all__)
    for name in data.__all__:
        assert len(getattr(data, name).__doc__) > 20


def test_importing_is_light() -> None:
    program = (
        "import sys, tinygrad_jp; assert 'tinygrad_jp.data' not in sys.modules\n"
        "import tinygrad_jp.data; print(*({'tqdm', 'matplotlib', 'urllib.request', 'http.client'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
