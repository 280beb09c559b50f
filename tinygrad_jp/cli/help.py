"""Help pages and usage errors of click in the user's language.

The help texts of the commands and options in ``program.py`` are keys of the language tables: the formatter looks them
up when a page is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

import click

from ..language import LANGUAGES, language
from .language import TEXT, say
from .text import pad, width, wrap


class Formatter(click.HelpFormatter):
    """Writes a page; counts a Japanese character as two columns."""

    facts: ClassVar[dict[str, Any]] = {}
    """What is put into the braces of the texts: names and defaults."""

    def told(self, text: str) -> str:
        """Return a text of the tables by its key; any other text as it is."""
        return say(text, **self.facts) if text in TEXT[language()] else text

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how the command is called."""
        words = " ".join(self.told(word) for word in args.split(" "))
        self.write(f"{say('Usage')}: {prog} {words}\n")

    def write_heading(self, heading: str) -> None:
        """Write a heading."""
        self.write(f"{' ' * self.current_indent}{self.told(heading)}:\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        indent = " " * self.current_indent
        paragraphs = [wrap(part, self.width - len(indent)) for part in self.told(text).split("\n\n")]
        self.write("\n\n".join("\n".join(indent + line for line in lines) for lines in paragraphs) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 26, col_spacing: int = 2) -> None:
        """Write terms, and beside each its explanation."""
        rows = list(rows)
        indent = " " * self.current_indent
        column = min(max(width(term) for term, _ in rows), col_max) + col_spacing
        for term, text in rows:
            first, *others = wrap(self.told(text), self.width - self.current_indent - column)
            if width(term) > column - col_spacing:
                self.write(f"{indent}{term}\n{indent}{' ' * column}{first}\n")
            else:
                self.write(f"{indent}{pad(term, column)}{first}\n")
            self.write("".join(f"{indent}{' ' * column}{line}\n" for line in others))


class Context(click.Context):
    """The context of a command whose help is written by our formatter."""

    formatter_class = Formatter


class Command(click.Command):
    """A command; its name is also the key of its one-line help, "NAME page" that of its page."""

    context_class = Context

    def __init__(self, name: str | None, **settings: Any) -> None:
        settings |= {"help": f"{name} page", "short_help": name, "options_metavar": "[options]"}
        super().__init__(name, context_settings={"allow_extra_args": True}, **settings)
        self.params += common_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; an error tells of which command they are."""
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        if rest:
            raise click.UsageError(say("extra", words=" ".join(rest)), ctx)
        return rest


class Group(click.Group):
    """The program."""

    context_class = Context
    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they are defined, which is that of work."""
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or suggest the nearest."""
        name = args[0]
        if not name.startswith("-") and name not in self.commands:
            raise click.UsageError(say("no command", name=name) + suggestion(name, self.commands), ctx)
        return super().resolve_command(ctx, args)


def common_options() -> list[click.Parameter]:
    """Return the options that every command has."""

    @click.option("--lang", type=OneOf(LANGUAGES), metavar="|".join(LANGUAGES), expose_value=False, help="lang")
    @click.help_option("--help", "-h", help="help")
    def carrier() -> None:
        """Carry the options."""

    return list(reversed(carrier.__click_params__))  # type: ignore[attr-defined]


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return ``" (did you mean …?)"`` if there is a similar name, else nothing."""
    near = get_close_matches(name, list(names), 1)
    return say("nearly", near=near[0]) if near else ""


def explain_usage(error: click.UsageError) -> str:
    """Return a usage error of click as one line in the user's language, with where help is to be had."""
    command = error.ctx.command_path if error.ctx else "tinygrad-jp"
    return say("see help", message=_what(error), command=command)


def _what(error: click.UsageError) -> str:
    if isinstance(error, click.NoSuchOption):
        known = [name for p in error.ctx.command.params for name in p.opts] if error.ctx else []
        return say("no option", name=error.option_name) + suggestion(error.option_name, known)
    if isinstance(error, click.BadOptionUsage):
        return say("no value", name=error.option_name)
    if isinstance(error, click.MissingParameter):
        return say("missing", name=_name(error))
    if isinstance(error, click.BadParameter):
        return say("bad value", name=_name(error), message=error.message)
    return error.format_message().rstrip(".")


def _name(error: click.BadParameter) -> str:
    """Return the parameter as the help page writes it."""
    if error.param is None:
        return str(error.param_hint)
    return error.param.opts[0] if isinstance(error.param, click.Option) else error.param.metavar or ""


class Number(click.ParamType):  # type: ignore[type-arg]
    """A number within bounds.

    Parameters
    ----------
    kind
        int or float.
    least
        The least that is allowed.
    below
        The bound that it must not reach; None: there is none.
    """

    name = "number"

    def __init__(self, kind: type[int] | type[float], least: float, below: float | None = None) -> None:
        self.kind = kind
        self.least = least
        self.below = below

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or say what is wrong with it."""
        try:
            number = self.kind(value)
        except ValueError:
            self.fail(say("not whole" if self.kind is int else "not a number", value=value), param, ctx)
        if not self.least <= number < (float("inf") if self.below is None else self.below):
            bounds = f"≥ {self.least:g}" + ("" if self.below is None else f", < {self.below:g}")
            self.fail(say("out of range", value=value, range=bounds), param, ctx)
        return number


class OneOf(click.ParamType):  # type: ignore[type-arg]
    """One of some words.

    Parameters
    ----------
    names
        The words.
    """

    name = "word"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the word, or say which there are."""
        if value not in self.names:
            self.fail(say("bad choice", value=value, names=", ".join(self.names)), param, ctx)
        return value


class Place(click.ParamType):  # type: ignore[type-arg]
    """The path of a file or folder; an empty one would be the current folder, and by mistake."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or say that it is empty."""
        if value == "":
            self.fail(say("empty path"), param, ctx)
        return Path(value)


class Sizes(click.ParamType):  # type: ignore[type-arg]
    """Numbers of units separated by commas; an empty text gives none."""

    name = "sizes"
    most = 10**9
    """NumPy cannot even name the size of much larger arrays; smaller ones fail for lack of memory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a list of numbers, or say what is wrong."""
        parts = [part.strip() for part in str(value).split(",")] if value else []
        if not all(part.isdecimal() and 0 < int(part) <= self.most for part in parts):
            self.fail(say("not sizes", value=value), param, ctx)
        return [int(part) for part in parts]
