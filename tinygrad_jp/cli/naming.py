"""Finding by name what a user asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from .language import CommandError, say


def check(kind: str, name: str, names: Iterable[str]) -> None:
    """Refuse a name that is not among those there are, and suggest the nearest.

    Parameters
    ----------
    kind
        Of the named thing: a key of the tables ("model", "optimizer", …).
    name
        What the user wrote.
    names
        Those there are.

    Raises
    ------
    CommandError
        If it is none of them.
    """
    known = list(names)
    if name not in known:
        raise CommandError("unknown", kind=say(kind), name=name, hint=hint(name, known))


def hint(name: str, known: Sequence[str]) -> str:
    """Suggest the name that is nearest to what the user wrote, or list all there are."""
    near = get_close_matches(name.lower(), known, 1)
    return say("near", near=near[0]) if near else say("there are", names=", ".join(known))
