"""What is measured: one function for each group of rows of the table."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from .libraries import Library, Problem, Training, by_hand, tinygrad_jp
from .networks import Network
from .timing import alternate

ROOT = Path(__file__).parent.parent
MICRO, MILLI = 1e-6, 1e-3

CHAIN_TARGETS = {"PyTorch": 0.7, "MyGrad": 0.5, "autograd": 1 / 3}
MLP_TARGETS = {"PyTorch": 0.6}
BY_HAND = "NumPy, by hand"
FLAT_TARGET = 1.5
LEAK_TARGET = 1.0  # MiB
IMPORT_TARGET = 30.0  # ms


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, seconds a turn, and the size of the largest graph."""

    rounds: int = 21
    turn: float = 0.1
    nodes: int = 1_000_000


QUICK = Effort(rounds=2, turn=0.001, nodes=10_000)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    measure
        What was measured.
    ours
        Our median, in `unit`.
    unit
        Such as "µs/op".
    peer, theirs
        Whom we are compared with, and its median.
    ratio, best
        Ours over theirs: of the medians, and of the smallest values.
    target
        What `ratio` may be at most; without a ratio, what `ours` may be.
    intruders
        How many processors other processes kept busy meanwhile, if known.
    """

    measure: str
    ours: float
    unit: str
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    best: float | None = None
    target: float | None = None
    intruders: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return (self.ours if self.ratio is None else self.ratio) <= self.target


def _against(
    measure: str, unit: str, scale: float, ours: list[float], peer: str, theirs: list[float], target: float | None
) -> Row:
    """Make the row of one comparison from the times of all rounds."""
    a, b = median(ours), median(theirs)
    return Row(measure, a / scale, unit, peer, b / scale, a / b, min(ours) / min(theirs), target)


def op_chain(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Time a recorded op on one element, forward and backward."""
    n = 1000
    ours = tinygrad_jp()
    for formula, constant in (("y = y * x", False), ("y = y * 1.0", True)):
        runs = {library.name: library.chain(n, constant) for library in (ours, *peers)}
        times = alternate(runs, rounds=effort.rounds, at_least=effort.turn)
        for peer in peers:
            target = CHAIN_TARGETS[peer.name]
            name = f"op chain, {formula}"
            yield _against(name, "µs/op", n * MICRO, times[ours.name], peer.name, times[peer.name], target)


def flat(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Time our cost per node, forward and backward, in graphs from 100 nodes to the largest."""
    sizes = [n for n in (100, 1_000, 10_000, 100_000, 1_000_000) if n <= effort.nodes]
    runs = {n: tinygrad_jp().chain(n, False) for n in sizes}
    gc.freeze()  # else the collector also walks the hundred thousands of objects of the peers that are loaded here
    for label, collector in (("gc off", False), ("gc on", True)):
        # the largest graph takes seconds, so that a few rounds must do
        times = alternate(runs, rounds=min(effort.rounds, 5), at_least=effort.turn, collector=collector)
        costs = {n: [t / n for t in times[n]] for n in sizes}
        for n in sizes:
            yield Row(f"flat, {label}, {n:,} nodes", median(costs[n]) / MICRO, "µs/node")
        medians, bests = [median(c) for c in costs.values()], [min(c) for c in costs.values()]
        largest, smallest = max(medians), min(medians)
        yield Row(
            f"flat, {label}, largest / smallest",
            largest / MICRO,
            "µs/node",
            "smallest",
            smallest / MICRO,
            largest / smallest,
            max(bests) / min(bests),
            FLAT_TARGET,
        )
    gc.unfreeze()


def memory(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Look for a leak with the garbage collector off: build the largest graph, go backward, drop it."""
    found = json.loads(_python("-m", "benchmarks.memory", str(effort.nodes)))
    for kind, moments in found.items():
        for moment, mib in moments:
            yield Row(f"memory, {effort.nodes:,} nodes, {kind}: {moment}", mib, "MiB")
    left = found["traced"][-1][1] - found["traced"][0][1]
    yield Row("memory left behind (traced, after - before)", left, "MiB", target=LEAK_TARGET)


def mlp_step(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Time a training step of a 784-50-10 classifier, batch 100, float32, SGD."""
    ours = tinygrad_jp()
    problem = Problem.random()
    trainings: dict[tuple[str, str], Training] = {
        (library.name, variant): training
        for library in (ours, *peers)
        for variant, training in library.trainings(problem).items()
    }
    trainings[BY_HAND, ""] = by_hand(problem)
    _check_agreement(trainings)
    times = alternate({key: t.step for key, t in trainings.items()}, rounds=effort.rounds, at_least=effort.turn)
    for peer_name in (*(peer.name for peer in peers), BY_HAND):
        # a peer that can be written in several ways is represented by the fastest
        name, variant = min((key for key in times if key[0] == peer_name), key=lambda key: median(times[key]))
        label = f"{name}, {variant}" if variant else name
        target = MLP_TARGETS.get(name)
        yield _against("mlp step", "ms", MILLI, times[ours.name, ""], label, times[name, variant], target)


def _check_agreement(trainings: dict[tuple[str, str], Training]) -> None:
    """Refuse to time libraries that do not compute the same loss and gradients."""
    results = {key: training.gradients() for key, training in trainings.items()}
    loss, gradients = next(iter(results.values()))
    for (name, variant), (other_loss, others) in results.items():
        note = f"{name} {variant} computes something else than tinygrad_jp"
        np.testing.assert_allclose(other_loss, loss, rtol=1e-4, err_msg=note)
        for g, other in zip(gradients, others, strict=True):
            # sums of 100 float32 products: next to the largest element, errors of 1e-7 are rounding
            np.testing.assert_allclose(other, g, rtol=1e-4, atol=1e-6 * np.abs(g).max(), err_msg=note)


def networks(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Time training steps written with nn and optim against PyTorch's, and compare the peak memory."""
    from .networks import NETWORKS, modes

    yield from _steps(NETWORKS, peers, effort)
    if "PyTorch" not in [peer.name for peer in peers]:
        return
    for number, network in enumerate(NETWORKS):
        theirs = _peak_memory("pytorch", number, effort)
        for mode, value in modes().items():
            mib = _peak_memory("ours", number, effort, TINYGRAD_JP_FAST=value)
            name = f"{network.name}, {mode}, peak memory"
            yield Row(name, mib, "MiB", "PyTorch", theirs, mib / theirs, target=1.0)


def shapes(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Look for shapes at which our convolutional networks are slow: other batches, image sizes and channels."""
    from .networks import SHAPES

    yield from _steps(SHAPES, peers, effort)


def _steps(networks: Sequence[Network], peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Time our training step, with NumPy alone and with compiled kernels, each in turn with PyTorch's."""
    if "PyTorch" not in [peer.name for peer in peers]:
        return
    from tinygrad_jp import use_fast

    from .networks import modes, ours, pytorch

    for network in networks:
        for mode, value in modes().items():
            use_fast(value == "1")
            runs = {"ours": ours(network), "PyTorch": pytorch(network)}
            times = alternate(runs, rounds=effort.rounds, at_least=effort.turn)
            target = network.fast_target if value == "1" else network.target
            name = f"{network.name}, {mode}"
            yield _against(name, "ms", MILLI, times["ours"], "PyTorch", times["PyTorch"], target)
    use_fast(None)


def _peak_memory(library: str, number: int, effort: Effort, **environment: str) -> float:
    """Return the peak memory of a fresh process that trains a network, in MiB."""
    steps = 50 if effort.rounds > QUICK.rounds else 3
    module = ("-m", "benchmarks.networks", library, str(number), str(steps))
    return float(_python(*module, environment=os.environ | environment))


def adam(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Time a step of Adam over a million parameters against PyTorch's, in one tensor and in a hundred."""
    if "PyTorch" not in [peer.name for peer in peers]:
        return
    from .networks import adam_steps

    for shapes in ([(1_000_000,)], [(100, 100)] * 100):
        times = alternate(adam_steps(shapes), rounds=effort.rounds, at_least=effort.turn)
        for kind in ("foreach", "fused"):
            name = f"Adam, 1e6 parameters in {len(shapes)}"
            yield _against(name, "ms", MILLI, times["ours"], f"PyTorch, {kind}", times[kind], 1.0)


def pictures(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Time the way from a network to a finished SVG against the tools for PyTorch, and weigh what is installed."""
    from .pictures import HTML, NETWORKS, OURS, installed, installed_size, seconds, version

    rivals, missing = installed()
    if missing:
        print(f"pictures: not installed, left out: {', '.join(missing)}")
    for network in NETWORKS:
        times = seconds(network, rivals, effort.rounds, effort.turn)
        for drawn in OURS:
            name = f"{network.name}, {drawn}"
            yield Row(f"{name}, no dot program", median(times[f"{drawn}, wheel"]) / MILLI, "ms")
            for rival in rivals:
                label = version(rival) + (" (no SVG)" if rival in HTML else "")
                yield _against(name, "ms", MILLI, times[drawn], label, times[rival], 1.0)
    size = installed_size("tinygrad_jp")
    yield Row("installed, with all that it needs", size, "MiB")
    for rival in rivals:
        theirs = installed_size(rival)
        yield Row("installed, with all that it needs", size, "MiB", version(rival), theirs, size / theirs, target=1.0)


def import_time(peers: Sequence[Library], effort: Effort) -> Iterator[Row]:
    """Time ``import tinygrad_jp`` in fresh interpreters that have imported NumPy already."""
    code = "import time, {}; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
    programs = {"numpy": code.format("sys", "numpy"), "tinygrad_jp": code.format("numpy", "tinygrad_jp")}
    times: dict[str, list[float]] = {name: [] for name in programs}
    with TemporaryDirectory() as compiled:
        # as after installation: modules are compiled already, here by the first round, which does not count
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = compiled
        for _ in range(1 + effort.rounds):
            for name, program in programs.items():
                times[name].append(float(_python("-c", program, environment=environment)))
    yield Row("import numpy", median(times["numpy"][1:]) / MILLI, "ms")
    yield Row("import tinygrad_jp, above numpy", median(times["tinygrad_jp"][1:]) / MILLI, "ms", target=IMPORT_TARGET)


def _python(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run a fresh interpreter in the repository root and return what it prints."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout


MEASURES: dict[str, Callable[[Sequence[Library], Effort], Iterator[Row]]] = {
    "op-chain": op_chain,
    "mlp-step": mlp_step,
    "networks": networks,
    "shapes": shapes,
    "adam": adam,
    "flat": flat,
    "memory": memory,
    "pictures": pictures,
    "import": import_time,
}
