"""Fashion-MNIST and CIFAR-10 (small files in their place, from a server on this machine), spiral, two moons."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_jp import generator as common
from tinygrad_jp.data import (
    CIFAR10_CLASSES,
    FASHION_MNIST_CLASSES,
    ChecksumError,
    DataLoader,
    ImageData,
    MissingFileError,
    Mnist,
    cifar10,
    datasets,
    fashion_mnist,
    mnist,
    spiral,
    two_moons,
)
from tinygrad_jp.data.source import cache_directory
from tinygrad_jp.errors import ArgumentError

from .test_data import NAMES, Mirrors, idx

ARCHIVE = "cifar-10-binary.tar"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the user's files, the user's cache and the network."""
    home = tmp_path / "home"
    monkeypatch.delenv("TINYGRAD_JP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(home / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in ("MIRRORS", "FASHION_MNIST_MIRRORS", "CIFAR10_MIRRORS"):
        monkeypatch.setattr(datasets, name, ())


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    mirrors = Mirrors()
    for name in ("FASHION_MNIST_MIRRORS", "CIFAR10_MIRRORS"):
        monkeypatch.setattr(datasets, name, (mirrors.url("first"), mirrors.url("second")))
    yield mirrors
    mirrors.close()


def checksums(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(file).hexdigest() for name, file in files.items()}


def put(directory: Path, files: dict[str, bytes]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        (directory / f"{name}.gz").write_bytes(file)
    return directory


@pytest.fixture
def clothes(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, bytes], list[np.ndarray]]:
    """Four small files in the place of Fashion-MNIST's, as name → gzip file, and the arrays they hold."""
    rng = np.random.default_rng(1)
    arrays = [
        rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        np.array([9, 0, 0, 3, 0], np.uint8),
        rng.integers(0, 256, (2, 28, 28), dtype=np.uint8),
        np.array([9, 2], np.uint8),
    ]
    files = {name: gzip.compress(idx(array), mtime=0) for name, array in zip(NAMES, arrays, strict=True)}
    monkeypatch.setattr(datasets, "FASHION_MNIST_SHA256", checksums(files))
    return files, arrays


def tar(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("cifar-10-batches-bin")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, part in parts.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(part)
            archive.addfile(member, io.BytesIO(part))
    return buffer.getvalue()


@pytest.fixture
def photographs(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, bytes], np.ndarray, list[int]]:
    """A small archive in the place of CIFAR-10's, of one image a batch: file, images (6, 3, 32, 32), labels.

    As in the genuine archive the members are in no useful order, and some are no images.
    """
    images = np.random.default_rng(2).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    labels = [3, 1, 4, 1, 5, 9]
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    records = {name: bytes([label]) + image.tobytes() for name, label, image in zip(names, labels, images, strict=True)}
    parts = {"readme.html": b"<html>", "batches.meta.txt": b"airplane\n"} | dict(reversed(records.items()))
    files = {ARCHIVE: gzip.compress(tar(parts), mtime=0)}
    monkeypatch.setattr(datasets, "CIFAR10_SHA256", checksums(files))
    return files, images, labels


# ------------------------------------------------------------------------------------------------ Fashion-MNIST


def test_fashion_mnist_is_downloaded_once_and_checked(clothes: Any, mirrors: Mirrors) -> None:
    files, (x_train, t_train, x_test, t_test) = clothes
    mirrors.bodies |= {f"/second/{name}.gz": file for name, file in files.items()}
    mirrors.bodies[f"/first/{NAMES[0]}.gz"] = gzip.compress(b"another file")
    loaded = fashion_mnist(normalize=False, flatten=False)
    for got, expected in zip(loaded, (x_train[:, None], t_train, x_test[:, None], t_test), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert len(mirrors.asked) == 8
    assert sorted(path.name for path in cache_directory("fashion_mnist").iterdir()) == sorted(f"{n}.gz" for n in NAMES)
    loaded = fashion_mnist()
    assert len(mirrors.asked) == 8
    assert isinstance(loaded, ImageData)
    assert loaded.x_train.dtype == np.float32
    assert loaded.t_train.dtype == np.int64
    np.testing.assert_array_equal(loaded.x_test, x_test.reshape(2, 784) / np.float32(255))


def test_fashion_mnist_is_not_mistaken_for_mnist(clothes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their files have the same names: a directory with MNIST's in it must not hide those of Fashion-MNIST."""
    files, (x_train, *_) = clothes
    put(tmp_path, dict.fromkeys(NAMES, b"MNIST's"))
    monkeypatch.setenv("TINYGRAD_JP_DATA", str(tmp_path))
    with pytest.raises(MissingFileError, match="fashion_mnist: train-images-idx3-ubyte is in none of"):
        fashion_mnist(download=False)
    put(tmp_path / "fashion_mnist", files)
    for directory in (None, tmp_path, tmp_path / "fashion_mnist"):
        np.testing.assert_array_equal(
            fashion_mnist(directory, download=False, normalize=False).x_train, x_train.reshape(5, 784)
        )
    with pytest.raises(ChecksumError, match=r"not MNIST's train-images-idx3-ubyte"):
        mnist(put(tmp_path / "mistaken", files), download=False)


@pytest.mark.parametrize("damage", [lambda file: file[:-1], lambda file: gzip.compress(gzip.decompress(file), 1)])
def test_only_the_published_files_of_fashion_mnist(clothes: Any, damage: Any, tmp_path: Path) -> None:
    files, _ = clothes
    put(tmp_path, files | {NAMES[2]: damage(files[NAMES[2]])})
    message = rf"not Fashion-MNIST's {NAMES[2]} .*SHA-256 \w{{64}} of the file, got .*fashion_mnist\(\) downloads it"
    with pytest.raises(ChecksumError, match=message):
        fashion_mnist(tmp_path, download=False)


def test_what_to_do_without_fashion_mnist() -> None:
    with pytest.raises(MissingFileError) as caught:
        fashion_mnist(download=False)
    message = str(caught.value)
    assert "fashion_mnist(download=False) does not download it.\nPut these four files,\n" in message
    assert f"into {cache_directory('fashion_mnist')}, or into the folder fashion_mnist of a directory" in message
    assert message.endswith("or as fashion_mnist(directory)")


# ------------------------------------------------------------------------------------------------ CIFAR-10


@pytest.mark.parametrize("downloaded", [True, False])
def test_cifar10(photographs: Any, downloaded: bool, mirrors: Mirrors, tmp_path: Path) -> None:
    files, images, labels = photographs
    if downloaded:
        mirrors.bodies[f"/first/{ARCHIVE}.gz"] = files[ARCHIVE]
        directory = None
    else:
        directory = put(tmp_path / "here", files)
    loaded = cifar10(directory, flatten=False, normalize=False)
    np.testing.assert_array_equal(loaded.x_train, images[:5])
    np.testing.assert_array_equal(loaded.x_test, images[5:])
    assert loaded.t_train.tolist() == labels[:5]
    assert loaded.t_test.tolist() == labels[5:]
    assert loaded.t_train.dtype == np.int64
    flat = cifar10(directory)
    np.testing.assert_array_equal(flat.x_train, images[:5].reshape(5, 3072) / np.float32(255))
    assert flat.x_train.dtype == np.float32
    assert mirrors.asked == [f"/first/{ARCHIVE}.gz"] * downloaded
    written = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert written == [f"{ARCHIVE}.gz"]  # nothing was unpacked


def test_another_archive_is_refused_unopened(photographs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, *_ = photographs
    monkeypatch.setattr(tarfile, "open", lambda **kw: pytest.fail("opened"))
    with pytest.raises(ChecksumError, match=r"cifar-10-binary\.tar\.gz: not CIFAR-10's cifar-10-binary\.tar"):
        cifar10(put(tmp_path, {ARCHIVE: files[ARCHIVE] + b"\0"}), download=False)


def test_what_to_do_without_cifar10(mirrors: Mirrors) -> None:
    with pytest.raises(MissingFileError) as caught:
        cifar10()
    message = str(caught.value)
    assert "Put this file,\n  cifar-10-binary.tar.gz\ninto " in message
    assert f"{mirrors.url('second')}{ARCHIVE}.gz: HTTPError" in message
    assert mirrors.asked == [f"/{mirror}/{ARCHIVE}.gz" for mirror in ("first", "second")]


def test_names_of_classes_and_checksums() -> None:
    for classes in (FASHION_MNIST_CLASSES, CIFAR10_CLASSES):
        assert len(set(classes)) == 10
    sums = [*datasets.FASHION_MNIST_SHA256.values(), *datasets.CIFAR10_SHA256.values(), *datasets.SHA256.values()]
    assert len(set(sums)) == 9
    assert all(len(bytes.fromhex(digest)) == 32 for digest in sums)
    assert list(datasets.FASHION_MNIST_SHA256) == NAMES
    assert Mnist is ImageData


# ------------------------------------------------------------------------------------------------ synthetic


def test_spiral() -> None:
    x, t = spiral(50, classes=4, noise=0)
    assert x.shape == (200, 2)
    assert x.dtype == np.float32
    assert t.dtype == np.int64
    assert np.bincount(t).tolist() == [50] * 4
    np.testing.assert_allclose(np.hypot(*x.T), np.tile(np.arange(50) / 50, 4), atol=1e-6)
    quarter = np.array([[0, -1], [1, 0]])  # each arm is the one before it, turned by a quarter
    np.testing.assert_allclose(x[50:100], x[:50] @ quarter, atol=1e-6)
    np.testing.assert_allclose(x[25], [0.5 * np.sin(2), 0.5 * np.cos(2)], atol=1e-6)


def test_two_moons() -> None:
    x, t = two_moons(7, noise=0)
    assert x.dtype == np.float32
    assert t.tolist() == [0, 0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(np.hypot(*x[:4].T), 1, atol=1e-6)
    np.testing.assert_allclose(x[4:], [[0, 0.5], [1, -0.5], [2, 0.5]], atol=1e-6)


@pytest.mark.parametrize("make", [spiral, two_moons])
def test_synthetic_data_follow_the_seed(make: Any) -> None:
    def points(seed: int) -> bytes:
        common.seed(seed)
        return make()[0].tobytes()

    assert points(0) == points(0) != points(1)
    np.testing.assert_array_equal(
        make(generator=np.random.default_rng(3))[0], make(generator=np.random.default_rng(3))[0]
    )
    spread = make(noise=0.3, generator=np.random.default_rng(0))[0] - make(noise=0)[0]
    assert 0.05 < spread.std() < 0.6
    assert len(list(DataLoader(make(), 64, shuffle=True))) > 1


@pytest.mark.parametrize("call", [lambda: spiral(0), lambda: spiral(classes=0), lambda: spiral(noise=-1)])
def test_spiral_errors(call: Any) -> None:
    with pytest.raises(ArgumentError, match="spiral: needs n_per_class ≥ 1, classes ≥ 1 and noise ≥ 0, got "):
        call()


@pytest.mark.parametrize("call", [lambda: two_moons(1), lambda: two_moons(noise=-0.5)])
def test_two_moons_errors(call: Any) -> None:
    with pytest.raises(ArgumentError, match="two_moons: needs n ≥ 2 and noise ≥ 0, got "):
        call()
