"""``tinygrad-jp step``: runs a script and makes a page that plays what it computed."""

from __future__ import annotations

import sys
import traceback
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any

from .. import viz
from ..tape import keep_values
from ..tensor import Tensor
from ..viz.record import reachable
from .language import CommandError, say
from .naming import hint

SUFFIX = ".step.html"


def step(script: Path, result: str | None, output: Path | None, max_nodes: int, show: bool) -> int:
    """Run a script, write the page of a Tensor that it leaves, and return the exit status.

    Parameters
    ----------
    script
        The Python file. It runs as ``python FILE`` would run it, inside ``keep_values()``.
    result
        Name of the Tensor at the script's top level; None: the one on which ``backward`` was called last, or that was
        computed last.
    output
        The page; None: named like the script, in the current folder.
    max_nodes
        At most this many operations are played.
    show
        Whether to open it in a browser.
    """
    left = run(script)
    y = chosen(left, result, script)
    assert y._node is not None
    give_names(left)
    if not y._node.gradients:
        print(say("no gradients", name=y.name))
    path = output or Path(script.name).with_suffix(SUFFIX)
    if path.suffix.lower() not in (".html", ".htm"):
        raise CommandError("not html", path=path)
    count = len(reachable([y._node]))
    if count > max_nodes:
        raise CommandError("too many", name=y.name, count=count, most=max_nodes)
    viz.step(y, runs=runs_of(left, y), max_nodes=max_nodes).save(path)
    print(say("saved", path=path))
    if show and not webbrowser.open(path.resolve().as_uri()):
        raise CommandError("not opened", path=path)
    return 0


def run(script: Path) -> dict[str, Any]:
    """Run a script and return what it leaves at its top level.

    Raises
    ------
    CommandError
        If it is no Python, raises an exception or ends with a status other than 0.
    OSError
        If it cannot be read.
    """
    code = _compiled(script)
    module = ModuleType("__main__")
    module.__file__ = str(script)
    with _as_main(module, script), keep_values():
        try:
            exec(code, vars(module))
        except SystemExit as end:
            if end.code not in (None, 0):
                raise CommandError("script ended", path=script, status=end.code) from None
        except Exception as error:
            raise _failure(script, error) from error
    return vars(module)


def _compiled(script: Path) -> CodeType:
    try:
        return compile(script.read_bytes(), str(script), "exec")
    except SyntaxError as error:
        raise CommandError("script syntax", path=script, line=error.lineno or 1, why=error.msg) from error
    except ValueError as error:  # null bytes
        raise CommandError("script syntax", path=script, line=1, why=error) from error


@contextmanager
def _as_main(module: ModuleType, script: Path) -> Iterator[None]:
    """Let a script find itself, its arguments and what lies beside it."""
    main, arguments, path = sys.modules["__main__"], sys.argv, list(sys.path)
    sys.modules["__main__"], sys.argv = module, [str(script)]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        yield
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:] = main, arguments, path


def _failure(script: Path, error: Exception) -> CommandError:
    """Show where a script failed, and tell it in a sentence."""
    own: TracebackType | None = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename != str(script):
        own = own.tb_next  # ours
    traceback.print_exception(type(error), error, own)
    line = own.tb_lineno if own else 1
    return CommandError("script failed", path=script, line=line, kind=type(error).__name__, why=error)


def chosen(left: Mapping[str, Any], result: str | None, script: Path) -> Tensor:
    """Return the Tensor whose page is wanted.

    Raises
    ------
    CommandError
        If there is none, or nothing was computed for it.
    """
    tensors = {name: x for name, x in left.items() if isinstance(x, Tensor)}
    found = {name: (x, x._node) for name, x in tensors.items() if x._node is not None}
    if result is None:
        if not found:
            raise CommandError("no result", path=script)
        after_backward = [(x, node) for x, node in found.values() if node.gradients]
        return max(after_backward or found.values(), key=lambda pair: pair[1].order)[0]
    if result in found:
        return found[result][0]
    if result not in left:
        known = hint(result, list(found)) if found else say("no results")
        raise CommandError("no such result", path=script, name=result, hint=known)
    kind = "result is a leaf" if result in tensors else "result is no tensor"
    raise CommandError(kind, name=result, type=type(left[result]).__name__)


def give_names(left: Mapping[str, Any]) -> None:
    """Name the Tensors that have no name as the script does."""
    for name, x in left.items():
        if isinstance(x, Tensor) and not x.name and not name.startswith("_"):
            x.name = name


def runs_of(left: Mapping[str, Any], y: Tensor) -> viz.Runs | None:
    """Find what the script noted of the modules in which a Tensor was computed, if it did."""
    assert y._node is not None
    orders = [node.order for node in reachable([y._node])]
    noted = [x for x in left.values() if isinstance(x, viz.Runs) and any(map(x.around, orders))]
    return noted[-1] if noted else None
