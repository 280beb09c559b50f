"""The same work written in each library, as its users would write it; those not installed are left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import THREADS
from .timing import Run

Gradients = Callable[[], tuple[float, list[np.ndarray]]]


@dataclass(frozen=True)
class Problem:
    """One batch and the first weights of a 784-50-10 classifier, all float32; the labels are whole numbers.

    Attributes
    ----------
    x
        Images, shape (100, 784).
    t
        Labels, shape (100,).
    weights
        W1 (784, 50), b1 (50,), W2 (50, 10), b2 (10,).
    rate
        Learning rate of the SGD.
    """

    x: np.ndarray
    t: np.ndarray
    weights: list[np.ndarray]
    rate: float = 0.1

    @classmethod
    def random(cls) -> Problem:
        """Draw the batch and the weights; always the same ones."""
        rng = np.random.default_rng(0)
        w1, w2 = rng.standard_normal((784, 50)) * 0.05, rng.standard_normal((50, 10)) * 0.2
        weights = [w.astype(np.float32) for w in (w1, np.zeros(50), w2, np.zeros(10))]
        return cls(rng.random((100, 784), dtype=np.float32), rng.integers(0, 10, 100), weights)


@dataclass(frozen=True)
class Training:
    """A training loop's body in one library.

    Attributes
    ----------
    step
        Forward, backward and update.
    gradients
        The loss and its gradients with respect to the first weights, in the order and shape of
        ``Problem.weights``. To be called before the first step.
    """

    step: Run
    gradients: Gradients


@dataclass(frozen=True)
class Library:
    """What a library brings to the benchmarks.

    Attributes
    ----------
    name, version
        For the table.
    chain
        ``chain(n, constant)`` makes a function that runs n multiplications of one float64 element, each by the first
        tensor or by a constant, and the backward pass.
    trainings
        Makes the training step, in one or more ways to write it.
    """

    name: str
    version: str
    chain: Callable[[int, bool], Run]
    trainings: Callable[[Problem], dict[str, Training]]


def _chain(x: Any, n: int, constant: bool) -> Run:
    """Make the chain for a library whose tensors have operators and ``backward``."""
    factor = 1.0 if constant else x

    def run() -> None:
        y = x
        for _ in range(n):
            y = y * factor
        y.backward()

    return run


def tinygrad_jp() -> Library:
    """Our own library."""
    import tinygrad_jp as tj

    def chain(n: int, constant: bool) -> Run:
        return _chain(tj.Tensor(np.ones(1), requires_grad=True), n, constant)

    def trainings(problem: Problem) -> dict[str, Training]:
        x = tj.Tensor(problem.x)
        params = w1, b1, w2, b2 = [tj.Tensor(w.copy(), requires_grad=True) for w in problem.weights]

        def backward() -> Any:
            hidden = tj.relu(tj.affine(x, w1, b1))
            loss = tj.softmax_cross_entropy(tj.affine(hidden, w2, b2), problem.t)
            loss.backward()
            return loss

        def step() -> None:
            backward()
            with tj.no_grad():
                for p in params:
                    p -= problem.rate * p.grad
                    p.grad = None

        def gradients() -> tuple[float, list[np.ndarray]]:
            found = backward().item(), [p.grad.numpy() for p in params]
            for p in params:
                p.grad = None
            return found

        return {"": Training(step, gradients)}

    return Library("tinygrad_jp", tj.__version__, chain, trainings)


def by_hand(problem: Problem) -> Training:
    """NumPy alone, the derivatives written down: what a framework on NumPy, which records besides, cannot beat."""
    x, t, rows = problem.x, problem.t, np.arange(len(problem.t))
    params = w1, b1, w2, b2 = [w.copy() for w in problem.weights]

    def gradients() -> tuple[float, list[np.ndarray]]:
        hidden = x @ w1
        hidden += b1
        np.maximum(hidden, 0, out=hidden)
        y = hidden @ w2
        y += b2
        y -= y.max(axis=1, keepdims=True)
        np.exp(y, out=y)
        y /= y.sum(axis=1, keepdims=True)
        loss = -np.log(y[rows, t]).mean()
        y[rows, t] -= 1
        y /= len(rows)
        g = y @ w2.T
        g *= hidden > 0
        return loss.item(), [x.T @ g, g.sum(axis=0), hidden.T @ y, y.sum(axis=0)]

    def step() -> None:
        for p, g in zip(params, gradients()[1], strict=True):
            g *= problem.rate
            p -= g

    return Training(step, gradients)


def pytorch() -> Library:
    """PyTorch, eager, on the CPU."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(THREADS)

    def chain(n: int, constant: bool) -> Run:
        return _chain(torch.ones(1, dtype=torch.float64, requires_grad=True), n, constant)

    def training(problem: Problem, with_optimizer: bool) -> Training:
        x, t = torch.from_numpy(problem.x), torch.from_numpy(problem.t)
        # Linear layers of PyTorch hold the transposed weights
        params = w1, b1, w2, b2 = [torch.from_numpy(w.T.copy()).requires_grad_() for w in problem.weights]
        optimizer = torch.optim.SGD(params, lr=problem.rate)

        def backward() -> Any:
            hidden = functional.relu(functional.linear(x, w1, b1))
            loss = functional.cross_entropy(functional.linear(hidden, w2, b2), t)
            loss.backward()
            return loss

        def optimizer_step() -> None:
            optimizer.zero_grad()
            backward()
            optimizer.step()

        def manual_step() -> None:
            backward()
            with torch.no_grad():
                for p in params:
                    p -= problem.rate * p.grad
                    p.grad = None

        def gradients() -> tuple[float, list[np.ndarray]]:
            found = backward().item(), [p.grad.numpy().T for p in params]
            optimizer.zero_grad()
            return found

        return Training(optimizer_step if with_optimizer else manual_step, gradients)

    def trainings(problem: Problem) -> dict[str, Training]:
        return {"optim.SGD": training(problem, True), "manual update": training(problem, False)}

    return Library("PyTorch", torch.__version__, chain, trainings)


def mygrad() -> Library:
    """MyGrad, without the guard that locks arrays while they are part of a graph (it costs time)."""
    import mygrad as mg
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    mg.turn_memory_guarding_off()

    def chain(n: int, constant: bool) -> Run:
        return _chain(mg.tensor(np.ones(1)), n, constant)

    def trainings(problem: Problem) -> dict[str, Training]:
        params = w1, b1, w2, b2 = [mg.tensor(w.copy()) for w in problem.weights]

        def backward() -> Any:
            hidden = relu(mg.matmul(problem.x, w1) + b1)
            loss = softmax_crossentropy(mg.matmul(hidden, w2) + b2, problem.t)
            loss.backward()
            return loss

        def step() -> None:
            backward()
            for p in params:
                p.data -= problem.rate * p.grad

        def gradients() -> tuple[float, list[np.ndarray]]:
            return backward().item(), [p.grad.copy() for p in params]

        return {"": Training(step, gradients)}

    return Library("MyGrad", mg.__version__, chain, trainings)


def hips_autograd() -> Library:
    """HIPS autograd, whose gradients are functions."""
    from importlib.metadata import version

    import autograd.numpy as anp
    from autograd import grad, value_and_grad

    def chain(n: int, constant: bool) -> Run:
        def product(x: Any) -> Any:
            factor = 1.0 if constant else x
            y = x
            for _ in range(n):
                y = y * factor
            return y

        gradient = grad(product)
        return lambda: gradient(np.ones(1))

    def trainings(problem: Problem) -> dict[str, Training]:
        params = [w.copy() for w in problem.weights]
        rows = np.eye(10, dtype=np.float32)[problem.t]

        def loss(params: list[Any]) -> Any:
            w1, b1, w2, b2 = params
            scores = anp.dot(anp.maximum(anp.dot(problem.x, w1) + b1, 0), w2) + b2
            log_sum = anp.log(anp.sum(anp.exp(scores), axis=1))
            return anp.mean(log_sum - anp.sum(rows * scores, axis=1))

        evaluate = value_and_grad(loss)

        def step() -> None:
            for p, g in zip(params, evaluate(params)[1], strict=True):
                p -= problem.rate * g

        def gradients() -> tuple[float, list[np.ndarray]]:
            value, found = evaluate(params)
            return float(value), found

        return {"": Training(step, gradients)}

    return Library("autograd", version("autograd"), chain, trainings)


def installed_peers() -> tuple[list[Library], list[str]]:
    """Load the peers that are installed, and name those that are not."""
    peers, missing = [], []
    for name, load in {"PyTorch": pytorch, "MyGrad": mygrad, "autograd": hips_autograd}.items():
        try:
            peers.append(load())
        except ImportError:
            missing.append(name)
    return peers, missing
