"""The program ``tinygrad-jp``: its commands and their options.

A help text is a key of the language tables (``english.py``, ``japanese.py``); what a command does is in a module of its
own, imported when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..errors import TinygradError
from ..language import language, speaking
from ..optim.naming import OPTIMIZERS
from ..viz import GraphvizError
from ..viz.stepper.page import MOST
from .config import Config
from .datasets import DATA
from .help import Formatter, Group, Number, Place, Sizes, common_options, explain_usage
from .language import INTERRUPTED, choose, explain, say
from .models import MODELS, options

Formatter.facts = {
    **vars(Config()),
    "models": ", ".join(MODELS),
    "optimizers": ", ".join(OPTIMIZERS),
    "data_sets": ", ".join(DATA),
    "hidden": ",".join(map(str, options("mlp")["hidden"])),
    "activation": options("mlp")["activation"],
    "steps": MOST,
}

FOLDER = Place()
RUN = click.argument("run", type=FOLDER, metavar="RUN")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    arguments
        Words after the program's name; by default those of this process.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without Japanese characters shows "?" for them
    with speaking(choose(words)):
        try:
            return int(program.main(words, prog_name="tinygrad-jp", standalone_mode=False) or 0)
        except click.UsageError as error:
            message, status = explain_usage(error), error.exit_code
        except (click.Abort, KeyboardInterrupt):
            message, status = say("interrupted"), INTERRUPTED
        except MemoryError as error:
            message, status = say("no memory", why=error), 1
        except (TinygradError, GraphvizError, OSError) as error:
            message, status = explain(error), 1
    print(f"tinygrad-jp: {message}", file=sys.stderr)
    return status


@click.group(
    cls=Group,
    help="program page",
    invoke_without_command=True,
    options_metavar="[options]",
    subcommand_metavar="[command]",
)
@click.version_option(__version__, message="tinygrad_jp %(version)s", help="version")
@click.pass_context
def program(context: click.Context) -> int:
    """Show the help page if no command was given."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(2)
    return 0


program.params += common_options()


@program.command("demo")
@click.option("--out", type=FOLDER, default=Path("demo_output"), metavar="DIR", help="demo out")
def demo(out: Path) -> None:
    """See ``demo.py`` of the package."""
    from ..demo import demo as show
    from .pictures import plain_warnings

    with plain_warnings():
        show(out, language())


@program.command("train")
@click.option("--model", metavar="NAME", help="train model")
@click.option("--hidden", type=Sizes(), metavar="N,N,…", help="train hidden")
@click.option("--activation", metavar="NAME", help="train activation")
@click.option("--dropout", type=Number(float, 0, 1), metavar="P", help="train dropout")
@click.option("--batch-norm", is_flag=True, help="train batch norm")
@click.option("--optimizer", metavar="NAME", help="train optimizer")
@click.option("--lr", type=Number(float, 0), metavar="X", help="train lr")
@click.option("--weight-decay", type=Number(float, 0), metavar="X", help="train weight decay")
@click.option("--batch-size", type=Number(int, 1), metavar="N", help="train batch size")
@click.option("--epochs", type=Number(int, 1), metavar="N", help="train epochs")
@click.option("--data", metavar="NAME", help="train data")
@click.option("--val", type=Number(float, 0, 1), metavar="X", help="train val")
@click.option("--augment", is_flag=True, help="train augment")
@click.option("--seed", type=Number(int, 0), metavar="N", help="train seed")
@click.option("--patience", type=Number(int, 0), metavar="N", help="train patience")
@click.option("--out", type=FOLDER, metavar="DIR", help="train out")
@click.option("--resume", is_flag=True, help="train resume")
@click.option("--overwrite", is_flag=True, help="train overwrite")
def train(out: Path | None, resume: bool, overwrite: bool, **given: Any) -> int:
    """See ``train.py``."""
    from .train import train as run

    if out is None:
        raise click.UsageError(say("missing", name="--out"), click.get_current_context())
    if resume and overwrite:
        raise click.UsageError(say("resume or overwrite"), click.get_current_context())
    return run(out, {k: v for k, v in given.items() if v is not None and v is not False}, resume, overwrite)


@program.command("eval")
@RUN
@click.option("--data", metavar="NAME", help="eval data")
def evaluate(run: Path, data: str | None) -> int:
    """See ``evaluate.py``."""
    from .evaluate import evaluate as judge

    return judge(run, data)


@program.command("predict")
@RUN
@click.argument("images", nargs=-1, type=FOLDER, required=True, metavar="IMAGE…")
@click.option("--top", type=Number(int, 1), default=3, metavar="N", help="predict top")
@click.option("--invert/--no-invert", default=None, help="predict invert")
def predict(run: Path, images: tuple[Path, ...], top: int, invert: bool | None) -> int:
    """See ``predict.py``."""
    from .predict import predict as tell

    return tell(run, images, top, invert)


@program.command("graph")
@RUN
@click.option("--output", "-o", type=FOLDER, default=Path("model.svg"), metavar="FILE", help="graph output")
def graph(run: Path, output: Path) -> int:
    """See ``pictures.py``."""
    from .pictures import graph as draw

    return draw(run, output)


@program.command("plot")
@RUN
def plot(run: Path) -> int:
    """See ``pictures.py``."""
    from .pictures import plot as draw

    return draw(run)


@program.command("step")
@click.argument("script", type=FOLDER, metavar="FILE.py")
@click.option("--result", metavar="NAME", help="step result")
@click.option("--output", "-o", type=FOLDER, metavar="FILE.html", help="step output")
@click.option("--max-nodes", type=Number(int, 1), default=MOST, metavar="N", help="step max nodes")
@click.option("--open", "show", is_flag=True, help="step open")
def step(script: Path, result: str | None, output: Path | None, max_nodes: int, show: bool) -> int:
    """See ``step.py``."""
    from .step import step as play

    return play(script, result, output, max_nodes, show)


@program.command("report")
@RUN
@click.option("--output", "-o", type=FOLDER, default=Path("report.html"), metavar="FILE", help="report output")
def report(run: Path, output: Path) -> int:
    """See ``pictures.py``."""
    from .pictures import report as write

    return write(run, output)
