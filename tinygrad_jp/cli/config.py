"""What a run was trained with, ``config.json`` in its folder: everything needed to build its network again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ..files import write_atomically
from .language import CommandError

FILE = "config.json"
VERSION = 1


@dataclass(frozen=True)
class Config:
    """A run's settings; the defaults are those of ``tinygrad-jp train``.

    Attributes
    ----------
    model
        Name of the network, a key of ``models.MODELS``.
    options
        Its own options by name.
    optimizer
        Its name.
    lr, weight_decay
        Of the optimizer; None stands for its defaults.
    batch_size, epochs
        Examples in a batch, and passes over the data.
    data
        Name of the data set, a key of ``datasets.DATA``.
    val
        Share of the training data that is kept for validation.
    augment
        Whether the training images are changed at random.
    seed
        From which all randomness follows.
    patience
        Epochs without improvement that are borne; None: any number.
    input_shape
        Of one example.
    classes
        Their names.
    """

    model: str = "mlp"
    options: dict[str, Any] = field(default_factory=dict)
    optimizer: str = "adam"
    lr: float | None = None
    weight_decay: float | None = None
    batch_size: int = 100
    epochs: int = 5
    data: str = "mini"
    val: float = 0.1
    augment: bool = False
    seed: int = 0
    patience: int | None = None
    input_shape: list[int] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)


def write(folder: Path, config: Config) -> Path:
    """Write the settings into the folder of a run, whole or not at all."""
    text = json.dumps({"version": VERSION, **asdict(config)}, indent=2, ensure_ascii=False)
    return write_atomically(folder / FILE, f"{text}\n".encode())


def read(folder: Path) -> Config:
    """Read the settings of the run in a folder.

    Raises
    ------
    CommandError
        If there is no run, or its settings cannot be used.
    """
    path = folder / FILE
    if not path.is_file():
        raise CommandError("run missing", folder=folder, file=FILE)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CommandError("run damaged", path=path, why=error) from error
    if not isinstance(found, dict) or "version" not in found:
        raise CommandError("run damaged", path=path, why="no version")
    version = found.pop("version")
    if version != VERSION:
        raise CommandError("run version", path=path, version=version, known=VERSION)
    _check(path, found)
    return Config(**found)


def _check(path: Path, found: dict[str, Any]) -> None:
    """Refuse settings of which a name or a type is wrong."""
    hints = get_type_hints(Config)
    names = [f.name for f in fields(Config)]
    wrong = [name for name in names if name not in found or not _fits(found[name], hints[name])]
    wrong += [name for name in found if name not in hints]
    if wrong:
        raise CommandError("run damaged", path=path, why=", ".join(wrong))


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a value read from JSON is of a field's type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(_fits(value, part) for part in parts)
    if origin is list:
        return isinstance(value, list) and all(_fits(item, parts[0]) for item in value)
    if hint is float:
        hint = int | float
    return isinstance(value, origin or hint) and (hint is bool or not isinstance(value, bool))
