"""The language of the command line: which it is, and the sentences in it."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..errors import TinygradError
from . import english, japanese

LANGUAGES = ("en", "ja")
VARIABLE = "TINYGRAD_JP_LANG"
TEXT: dict[str, dict[str, str]] = {"en": english.TEXT, "ja": japanese.TEXT}

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells have it."""

_current = "en"


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
        Its variables: TINYGRAD_JP_LANG, then LC_ALL, LC_MESSAGES, LANG; the first that is not empty counts.
    """
    said = [b for a, b in pairwise(arguments) if a == "--lang"]
    said += [a.removeprefix("--lang=") for a in arguments if a.startswith("--lang=")]
    names = (environment.get(name, "") for name in (VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG"))
    name = said[-1] if said else next(filter(None, names), None) or locale.getlocale()[0] or ""
    return "ja" if name.lower().startswith("ja") else "en"


def use(language: str) -> None:
    """Speak this language, "en" or "ja", from now on."""
    global _current
    _current = language


def language() -> str:
    """Return the language that is spoken."""
    return _current


def say(key: str, **values: Any) -> str:
    """Return a sentence in the language that is spoken.

    Parameters
    ----------
    key
        Of the sentence in the tables.
    **values
        Put into its braces.
    """
    return TEXT[_current][key].format(**values)
