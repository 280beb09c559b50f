"""The language of the command line: which it is, and the sentences in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..errors import DataError, TinygradError, TrainingError
from ..language import VARIABLE, language, preferred
from ..viz import GraphvizError
from . import english, japanese

TEXT: dict[str, dict[str, str]] = {"en": english.TEXT, "ja": japanese.TEXT}

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells have it."""

LEADS: tuple[tuple[type[Exception], str], ...] = (
    (TrainingError, "training failed"),
    (DataError, "data failed"),
    (GraphvizError, "drawing failed"),
    (Exception, "failed"),
)
"""Which sentence tells an error of the library, whose own text is in English; the first kind that fits counts."""


class CommandError(TinygradError):
    """An error of a command, told in the user's language.

    Parameters
    ----------
    key
        Of the sentence in the tables.
    **values
        Put into its braces.
    """

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(say(key, **values))


def choose(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> str:
    """Return the language the user wants: that of ``--lang``, else of the environment, else of the system.

    Parameters
    ----------
    arguments
        Words after the program's name; the last ``--lang`` counts.
    environment
        Its variables.
    """
    said = [b for a, b in pairwise(arguments) if a == "--lang"]
    said += [a.removeprefix("--lang=") for a in arguments if a.startswith("--lang=")]
    return preferred({VARIABLE: said[-1]} if said else environment)


def say(key: str, **values: Any) -> str:
    """Return a sentence in the language that is spoken.

    Parameters
    ----------
    key
        Of the sentence in the tables.
    **values
        Put into its braces.
    """
    return TEXT[language()][key].format(**values)


def explain(error: Exception) -> str:
    """Return an error as a sentence in the language that is spoken; what the library says of it stays in English."""
    if isinstance(error, CommandError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return say("file failed", path=error.filename, why=error.strerror)
    return say(next(key for kind, key in LEADS if isinstance(error, kind)), why=error)
