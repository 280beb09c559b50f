"""Checkpoints: all that a training run needs to continue, in one safetensors file (extra ``[io]``).

The tensors stand under ``model.<name>`` and ``optimizer.<name>``, everything else as JSON in the file's metadata
under :data:`KEY`, together with the format's version and a SHA-256 checksum over both. The container is documented at
https://huggingface.co/docs/safetensors: it holds numbers and text, nothing that could run.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy import ndarray

from .. import generator as random
from ..errors import ArgumentError, CallError, DataError, DtypeError
from . import disk

KEY = "tinygrad_jp.checkpoint"
VERSION = 1
LAYOUT: dict[str, Any] = {
    "version": int,
    "model": bool,
    "optimizer": dict | None,
    "scheduler": object,
    "loader": object,
    "generator": dict,
    "extra": object,
}  # what the JSON holds, besides the checksum


class Stateful(Protocol):
    """What can be saved: a model, an optimizer, a scheduler, a loader."""

    def state_dict(self) -> Any:
        """Return the state: arrays by name (a model), or what JSON can hold."""

    def load_state_dict(self, state: Any, /) -> Any:
        """Take a state over."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint; what was not saved is None.

    Attributes
    ----------
    model
        Arrays by name.
    optimizer
        ``{"state": arrays by name, "groups": …}``.
    scheduler, loader
        Their states.
    generator
        Where ``tinygrad_jp.generator`` stood.
    extra
        What the user added (epoch, history, …).
    """

    model: dict[str, ndarray] | None
    optimizer: dict[str, Any] | None
    scheduler: Any
    loader: Any
    generator: dict[str, Any]
    extra: Any


def save_checkpoint(
    path: disk.PathLike,
    *,
    model: Stateful | None = None,
    optimizer: Stateful | None = None,
    scheduler: Stateful | None = None,
    loader: Stateful | None = None,
    extra: Any = None,
) -> Path:
    """Write the state of a training run, and where the random generator stands, into one safetensors file.

    Parameters
    ----------
    path
        The file. It is replaced only when all of the new one is on the disk.
    model
        ``state_dict()`` gives arrays by name: any shape, bool, integer or float of up to 64 bits.
    optimizer
        ``state_dict()`` gives ``{"state": arrays by name, "groups": what JSON can hold}``.
    scheduler, loader
        ``state_dict()`` gives what JSON can hold.
    extra
        Anything else that JSON can hold; NumPy numbers become Python's, tuples become lists. Keys must be strings.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DtypeError
        If an array is of another dtype.
    ArgumentError
        If something else cannot be written as JSON.
    DataError
        If the file cannot be written (disk full, …); what it held before is still there.
    """
    safetensors = _safetensors()
    state = None if optimizer is None else dict(optimizer.state_dict())
    arrays = {} if model is None else _prefixed("model", model.state_dict())
    arrays |= {} if state is None else _prefixed("optimizer", state.pop("state"))
    tensors = {name: _storable(name, values) for name, values in arrays.items()}
    note = {
        "version": VERSION,
        "model": model is not None,
        "optimizer": state,
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "loader": None if loader is None else loader.state_dict(),
        "generator": random.state(),
        "extra": extra,
    }
    for name, value in note.items():
        _json(name, value)  # so that the error tells which of them
    note["sha256"] = _checksum(_json("state", note), tensors)
    return disk.write(path, safetensors.numpy.save(tensors, metadata={KEY: _json("state", note)}))


def read_checkpoint(path: disk.PathLike) -> Checkpoint:
    """Read and check a checkpoint; nothing is changed by it.

    Parameters
    ----------
    path
        As written by :func:`save_checkpoint`.

    Returns
    -------
    Checkpoint
        Its content.

    Raises
    ------
    DataError
        If there is no such file, or it is truncated, altered, of another format or of a newer version.
    """
    text, tensors = _open(path)
    try:
        note = json.loads(text)
        version, claimed = note["version"], note.pop("sha256")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"its metadata under {KEY!r} cannot be read") from error
    if isinstance(version, int) and version > VERSION:
        raise DataError(
            f"{path}: a checkpoint of version {version}, but this tinygrad_jp reads versions up to {VERSION}; "
            "update tinygrad_jp"
        )
    if claimed != _checksum(_json("state", note), tensors):
        raise _damaged(path, "its SHA-256 checksum is not that of its content")
    _check_layout(path, note)
    optimizer = note["optimizer"]
    return Checkpoint(
        model=_section("model", tensors) if note["model"] else None,
        optimizer=None if optimizer is None else {**optimizer, "state": _section("optimizer", tensors)},
        **{name: note[name] for name in ("scheduler", "loader", "generator", "extra")},
    )


def _check_layout(path: disk.PathLike, note: Mapping[str, Any]) -> None:
    """Refuse what :func:`save_checkpoint` never writes: the checksum only tells that nothing was altered since."""
    for name, kind in LAYOUT.items():
        if name not in note:
            raise _damaged(path, f"its metadata has no {name!r}")
        if not isinstance(note[name], kind):
            raise _damaged(path, f"its {name!r} is {note[name]!r:.40}")
    if isinstance(note["version"], bool) or note["version"] < 1:
        raise _damaged(path, f"its 'version' is {note['version']}")
    groups = (note["optimizer"] or {}).get("groups", [])
    if not isinstance(groups, list):
        raise _damaged(path, f"its optimizer's 'groups' are {groups!r:.40}")


def load_checkpoint(
    path: disk.PathLike,
    *,
    model: Stateful | None = None,
    optimizer: Stateful | None = None,
    scheduler: Stateful | None = None,
    loader: Stateful | None = None,
    generator: bool = True,
) -> Checkpoint:
    """Continue where a checkpoint left off: everything that is passed is restored, or nothing is changed at all.

    Parameters
    ----------
    path
        As written by :func:`save_checkpoint`.
    model, optimizer, scheduler, loader
        What to restore, by ``load_state_dict``.
    generator
        Whether the random generator is set to where it stood, too.

    Returns
    -------
    Checkpoint
        All that the file holds, e.g. ``.extra``.

    Raises
    ------
    DataError
        If the file cannot be used (see :func:`read_checkpoint`), lacks one of the parts, or is of another
        architecture: the message lists every name that does not fit, with both shapes.
    """
    found = read_checkpoint(path)
    given = {"model": model, "optimizer": optimizer, "scheduler": scheduler, "loader": loader}
    parts = {name: part for name, part in given.items() if part is not None}
    lacking = [name for name in parts if getattr(found, name) is None]
    if lacking:
        raise DataError(f"{path}: holds no state for {' and '.join(lacking)}; it was saved without: load without, too")
    before = {name: copy.deepcopy(part.state_dict()) for name, part in parts.items()}
    problems = [] if found.model is None or model is None else _misfits("model", before["model"], found.model)
    if found.optimizer is not None and optimizer is not None:
        problems += _optimizer_misfits(before["optimizer"], found.optimizer)
    if problems:
        raise DataError(
            f"{path}: the checkpoint is of another architecture, nothing was changed; build the model and the "
            "optimizer as they were when it was saved:" + "".join(f"\n  {problem}" for problem in problems)
        )
    _restore(path, parts, before, found, generator)
    return found


def _restore(
    path: disk.PathLike, parts: Mapping[str, Stateful], before: Mapping[str, Any], found: Checkpoint, generator: bool
) -> None:
    """Hand each part its state; if one refuses, or on Ctrl-C, hand all of them their old state back."""
    stood = random.state()
    at = "generator"
    try:
        for at, part in parts.items():
            part.load_state_dict(getattr(found, at))
        at = "generator"
        if generator:
            random.restore(found.generator)
    except BaseException as error:
        for name, part in parts.items():
            part.load_state_dict(before[name])
        random.restore(stood)
        if not isinstance(error, Exception):
            raise
        raise DataError(f"{path}: the state of the {at} does not fit, nothing was changed: {error}") from error


def _misfits(section: str, here: Mapping[str, ndarray], there: Mapping[str, ndarray]) -> list[str]:
    """List every name whose shape differs or that only one side has."""
    shapes = [{name: str(np.shape(values)) for name, values in side.items()} for side in (here, there)]
    return [
        f"{section}.{name}: {shapes[0].get(name, 'nothing')} here, {shapes[1].get(name, 'nothing')} in the file"
        for name in shapes[0] | shapes[1]
        if shapes[0].get(name) != shapes[1].get(name)
    ]


def _optimizer_misfits(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Compare what both sides have: an optimizer may make its arrays only at its first step."""
    shared = here["state"].keys() & there["state"].keys()
    problems = _misfits("optimizer", *({n: v for n, v in s["state"].items() if n in shared} for s in (here, there)))
    groups = [len(side.get("groups", ())) for side in (here, there)]
    if groups[0] != groups[1]:
        problems.append(f"optimizer: {groups[0]} parameter groups here, {groups[1]} in the file")
    return problems


def _open(path: disk.PathLike) -> tuple[str, dict[str, ndarray]]:
    """Return the checkpoint's text and its tensors, not yet checked."""
    safetensors = _safetensors()
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if KEY in metadata:
                return metadata[KEY], {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except OSError as error:
        raise disk.unreadable(path, error) from error
    except (safetensors.SafetensorError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise _damaged(path, f"not a whole safetensors file: {error}") from error
    raise DataError(
        f"{path}: a safetensors file, but not a checkpoint of tinygrad_jp (no {KEY!r} in its metadata); write "
        "checkpoints with save_checkpoint"
    )


def _damaged(path: disk.PathLike, why: str) -> DataError:
    return DataError(
        f"{path}: truncated, altered or not a checkpoint ({why}); take another checkpoint or copy the file again"
    )


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise CallError('checkpoints need the safetensors library: pip install "tinygrad_jp[io]"') from error
    return safetensors


def _prefixed(section: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{section}.{name}": values for name, values in arrays.items()}


def _section(section: str, tensors: Mapping[str, ndarray]) -> dict[str, ndarray]:
    start = f"{section}."
    return {name.removeprefix(start): values for name, values in tensors.items() if name.startswith(start)}


def _storable(name: str, values: Any) -> ndarray:
    """Return the array as safetensors wants it: contiguous, little-endian (np.ascontiguousarray would make 0-d 1-d)."""
    array = np.asarray(values, order="C")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DtypeError(
            f"save_checkpoint: {name} is {array.dtype}; a checkpoint holds bool, integer and float tensors of up to "
            "64 bits: convert it with astype"
        )
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _json(name: str, value: Any) -> str:
    try:
        text = json.dumps(value, default=_plain)
        _check_keys(value)
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"save_checkpoint: {name} cannot be written as JSON ({error}); use numbers, strings, lists and dicts"
        ) from error


def _check_keys(value: Any) -> None:
    """Refuse a key that is no string: JSON would make one of it, so that 1 and "1" become the same key."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is no string")
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            _check_keys(inner)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is none of numbers, strings, lists, dicts")


def _checksum(note: str, tensors: Mapping[str, ndarray]) -> str:
    """Return the SHA-256 of the text and of every tensor's name, dtype, shape and bytes."""
    digest = hashlib.sha256(note.encode())
    for name, array in sorted(tensors.items()):
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
