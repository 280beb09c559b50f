"""Where the files of a data set come from: looked for on disk, else downloaded to the cache, and always checked."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import DataError
from .download import download as download_file
from .idx import MissingFileError, decompress

ENVIRONMENT_VARIABLE = "TINYGRAD_JP_DATA"

T = TypeVar("T")
Directory = str | os.PathLike[str] | None


class ChecksumError(DataError):
    """A data file that can be read but is not the genuine one."""


@dataclass(frozen=True)
class Source:
    """The gzip files of one data set.

    Attributes
    ----------
    name
        Of the function that loads the set, and of its folder: ``"mnist"``.
    title
        Of the set, for messages: ``"MNIST"``.
    mirrors
        Addresses that serve the files, tried in this order; each ends with a slash.
    sha256
        The checksum of every file, by its name without ``.gz``.
    published
        Whether a checksum is that of the ``.gz`` file as it was published. Else it is that of the decompressed
        content, so that a plain or newly compressed copy is genuine too.
    common_names
        Whether another data set has files of the same names. They must then lie in a folder of their own below the
        directory that the environment variable names.
    hint
        What else the user can do if files are missing.
    """

    name: str
    title: str
    mirrors: Sequence[str]
    sha256: Mapping[str, str]
    published: bool = False
    common_names: bool = False
    hint: str = ""

    def load(
        self, parse: Callable[[bytes, str | os.PathLike[str]], T], directory: Directory, download: bool
    ) -> list[T]:
        """Return what `parse` makes of each file, in the order of `sha256`; download what is missing, if allowed.

        Parameters
        ----------
        parse
            Called with the decompressed content and the path.
        directory
            Where to look first, or None for the directory that the environment variable names.
        download
            Whether the network may be used.

        Raises
        ------
        MissingFileError
            If the directory does not exist, or a file is missing and was not downloaded.
        IdxFormatError
            If a file is corrupt.
        ChecksumError
            If a file is not the genuine one.
        """
        places = [*self.named_places(directory), cache_directory(self.name)]
        suffixes = (".gz",) if self.published else (".gz", "")
        paths = [find(name, places, suffixes) or self.fetch(name, places, download) for name in self.sha256]
        return [self.load_file(name, path, parse) for name, path in zip(self.sha256, paths, strict=True)]

    def load_file(self, name: str, path: Path, parse: Callable[[bytes, str | os.PathLike[str]], T]) -> T:
        """Return what `parse` makes of one file, after checking that it is genuine."""
        file = path.read_bytes()
        if self.published:
            self.check(name, file, path)
            return parse(decompress(file, path), path)
        content = decompress(file, path)
        parsed = parse(content, path)  # before the checksum, because it can say what is wrong
        self.check(name, content, path)
        return parsed

    def check(self, name: str, content: bytes, origin: str | os.PathLike[str]) -> None:
        """Raise ChecksumError unless this content (of the file if `published`, else decompressed) is genuine."""
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256[name]:
            checked = "file" if self.published else "decompressed content"
            raise ChecksumError(
                f"{origin}: not {self.title}'s {name} (a damaged copy, or another data set under the same name?): "
                f"expected SHA-256 {self.sha256[name]} of the {checked}, got {digest}; get the genuine file instead "
                f"({self.name}() downloads it if it finds none of that name)"
            )

    def named_places(self, directory: Directory) -> list[Path]:
        """Return the directories to search that the caller, or else the environment variable, names: perhaps none.

        Raises
        ------
        MissingFileError
            If the directory does not exist: a misspelt name must not pass unnoticed.
        """
        named = os.environ.get(ENVIRONMENT_VARIABLE) if directory is None else directory
        if not named:
            return []
        place = Path(named).expanduser()
        if not place.is_dir():
            origin = (
                f"the environment variable {ENVIRONMENT_VARIABLE}" if directory is None else "the argument directory"
            )
            raise MissingFileError(
                f"{self.name}: {origin} names {place}, which is no directory; correct it or leave it out"
            )
        if self.common_names and directory is None:
            return [place / self.name]
        return [place / self.name, place]

    def fetch(self, name: str, places: Sequence[Path], download: bool) -> Path:
        """Download a file to the last of the places, the cache, and return its path there.

        Raises
        ------
        MissingFileError
            If the file may not, or could not, be downloaded.
        """
        if not download:
            raise self.missing(name, places, f"{self.name}(download=False) does not download it.")

        def check_response(content: bytes, url: str) -> None:
            self.check(name, content if self.published else decompress(content, url), url)

        path = places[-1] / f"{name}.gz"
        try:
            download_file([f"{mirror}{path.name}" for mirror in self.mirrors], path, check_response)
        except DataError as error:
            raise self.missing(name, places, str(error)) from None  # its whole message is repeated in this one
        return path

    def missing(self, name: str, places: Sequence[Path], reason: str) -> MissingFileError:
        """Return the error that says where a file was looked for, why it was not downloaded, and what to do."""
        searched = "".join(f"  {place}\n" for place in places)
        files = "".join(f"  {file}.gz\n" for file in self.sha256)
        which = "this file" if len(self.sha256) == 1 else "these four files"
        plain = "" if self.published else ", with or without .gz"
        folder = f"the folder {self.name} of a directory" if self.common_names else "a directory"
        return MissingFileError(
            f"{self.name}: {name} is in none of\n{searched}{reason}\nPut {which}{plain},\n{files}into {places[-1]}, "
            f"or into {folder} that you name in the environment variable {ENVIRONMENT_VARIABLE} or as "
            f"{self.name}(directory){self.hint}"
        )


def cache_directory(name: str = "mnist") -> Path:
    """Return the directory for downloaded files: in the user's cache, as is the custom of the platform."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tinygrad_jp" / name


def find(name: str, places: Sequence[Path], suffixes: Sequence[str] = (".gz", "")) -> Path | None:
    """Return the first file that bears one of the names under which this file is spread, or None."""
    names = [stem + suffix for stem in (name, name.replace("-idx", ".idx")) for suffix in suffixes]
    return next((path for place in places for path in map(place.joinpath, names) if path.is_file()), None)
