"""Data sets and the loader that yields them batch by batch (mini-batches: the book, section 4.2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy import ndarray

from ..errors import ArgumentError, DtypeError, IndexingError, ShapeError
from ..generator import generator as common_generator
from .prefetch import ahead

Batch = tuple[ndarray, ...]
Transform = Callable[[Batch, np.random.Generator], Batch]


class Dataset(Protocol):
    """Examples that are fetched by number: anything with these two methods, of which no class need be inherited.

    ``dataset[index]`` gives a tuple of arrays. For a slice or an array of whole numbers, axis 0 of each array counts
    the examples; for one whole number that axis is absent.
    """

    def __len__(self) -> int:
        """Return the number of examples."""

    def __getitem__(self, index: Any, /) -> Batch:
        """Return one example, or the batch of several."""


class ArrayDataset:
    """Examples held in arrays: example i is row i of each (PyTorch's ``TensorDataset``).

    Parameters
    ----------
    *arrays
        Of equal length along axis 0; what is no ndarray is converted.
    transform
        Called with every batch, a tuple of arrays; returns the batch to use instead. For a transform that draws
        random numbers use the one of :class:`DataLoader`.

    Raises
    ------
    ShapeError
        If the lengths differ, or an array has no axis.
    ArgumentError
        If no array is given.
    DtypeError
        If what is given cannot be an array of numbers.

    Notes
    -----
    A slice gives views, which are read-only so that work on a batch cannot change the data; an array of numbers gives
    copies.

    Examples
    --------
    >>> dataset = ArrayDataset(np.zeros((5, 2)), np.arange(5))
    >>> x, t = dataset[1:3]
    >>> x.shape, t
    ((2, 2), array([1, 2]))
    """

    def __init__(self, *arrays: Any, transform: Callable[[Batch], Batch] | None = None) -> None:
        self.arrays = equally_long("ArrayDataset", arrays)
        self.transform = transform
        for array in self.arrays:
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> Batch:
        if isinstance(index, int | np.integer):
            return tuple(array[0] for array in self[np.array([index])])
        if isinstance(index, slice):
            batch = tuple(array[index] for array in self.arrays)
        else:
            index = np.asarray(index)
            if index.dtype.kind not in "iu":
                raise IndexingError(
                    f"ArrayDataset: needs whole numbers or a slice, got an index of dtype {index.dtype}; "
                    "np.flatnonzero turns a mask into numbers"
                )
            batch = tuple(array.take(index, axis=0) for array in self.arrays)
        return batch if self.transform is None else self.transform(batch)


def equally_long(function: str, arrays: tuple[Any, ...]) -> Batch:
    """Return new views of the arrays, after checking that they have the same length along axis 0.

    Raises
    ------
    ArgumentError, DtypeError, ShapeError
        If there is none, one holds no numbers, or the lengths differ; the message begins with `function`.
    """
    if not arrays:
        raise ArgumentError(f"{function}: needs at least one array")
    views = tuple(as_view(function, i, array) for i, array in enumerate(arrays))
    if any(view.ndim == 0 for view in views) or len({len(view) for view in views}) > 1:
        shapes = ", ".join(str(view.shape) for view in views)
        raise ShapeError(f"{function}: the arrays must have the same length along axis 0, got shapes {shapes}")
    return views


def as_view(function: str, i: int, values: Any) -> ndarray:
    """Return a new view of argument i as an array; a DtypeError if it cannot be one of numbers."""
    try:
        view = np.asarray(values).view()
    except ValueError:  # rows of unequal shapes, as in a list of pairs (x, t)
        view = None
    if view is None or view.dtype == object:
        raise DtypeError(
            f"{function}: argument {i} is {type(values).__name__}, which is no array of numbers; give one array of all "
            "inputs and one of all labels (of a list of pairs: x, t = map(np.array, zip(*pairs)))"
        )
    return view


@dataclass
class Epoch:
    """One pass over the data: what its random numbers are drawn from, and how many batches were handed out."""

    seed: int | None
    position: int = 0

    def generator(self, *key: int) -> np.random.Generator:
        """Return a generator that depends on the epoch's seed and the key, and on nothing else."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key)))


class DataLoader:
    """Yield a data set batch by batch, as tuples of ndarrays; a new loop over the loader is a new epoch.

    Parameters
    ----------
    dataset
        A :class:`Dataset`, an array, or a tuple or list of arrays.
    batch_size
        Examples in a batch.
    shuffle
        Whether each epoch has an order of its own, else that of the data set.
    drop_last
        Whether to leave out the last batch of an epoch if it is smaller than the others.
    transform
        Called as ``transform(batch, rng)`` with a tuple of arrays and a generator of the batch's own; returns the
        batch to use instead. For augmentation see :class:`Compose`.
    prefetch
        How many batches one background thread makes ahead; 0 makes each when it is asked for. The batches are the
        same. A transform then runs in that thread.
    generator
        What to draw from, instead of the one generator of tinygrad_jp.

    Raises
    ------
    ArgumentError
        If the data set is empty, the batch size is below 1, `prefetch` is below 0, or `drop_last` leaves no batch.
    ShapeError
        If the arrays differ in length.
    DtypeError
        If an argument is of a wrong type.

    Notes
    -----
    With `shuffle` or `transform` each epoch draws one number from the generator when its loop begins, or when
    :meth:`fresh` is called, and nothing else. This seed fixes the permutation, and, with the number of the batch, the
    `rng` of its transform. So neither prefetching, nor stopping and resuming, nor what else draws from the generator,
    changes a batch.

    Without `shuffle` and `transform` a batch of an :class:`ArrayDataset` consists of read-only views: copy it before
    changing it in place.

    Examples
    --------
    >>> loader = DataLoader((np.arange(10.0).reshape(5, 2), np.arange(5)), batch_size=2)
    >>> [t.tolist() for x, t in loader]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Dataset | ndarray | tuple[Any, ...] | list[Any],
        batch_size: int = 100,
        shuffle: bool = False,
        drop_last: bool = False,
        transform: Transform | None = None,
        prefetch: int = 0,
        generator: np.random.Generator | None = None,
    ) -> None:
        self.dataset = as_dataset(dataset)
        self.batch_size = at_least(1, "batch_size", batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.transform = transform
        self.prefetch = at_least(0, "prefetch", prefetch)
        self.generator = generator
        self._epoch: Epoch | None = None
        self._resumes = False
        if generator is not None and not isinstance(generator, np.random.Generator):
            raise DtypeError(f"DataLoader: generator must be a numpy.random.Generator, got {generator!r}")
        if transform is not None and not callable(transform):
            raise DtypeError(f"DataLoader: transform must be callable, got {transform!r}")
        if len(self.dataset) == 0:
            raise ArgumentError("DataLoader: the data set is empty; give it at least one example")
        if len(self) == 0:
            raise ArgumentError(
                f"DataLoader: drop_last leaves no batch of {batch_size} from {len(self.dataset)} examples; "
                "use a smaller batch_size, or drop_last=False"
            )

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        """Begin an epoch, or continue the one that :meth:`load_state_dict` loaded."""
        if self._epoch is None or not self._resumes:
            self._epoch = self._new_epoch()
        self._resumes = False
        return self._batches(self._epoch)

    def fresh(self) -> Iterator[Batch]:
        """Return the batches of a whole new epoch, and leave the loader where it stands in its own.

        For looking over the data while an epoch is under way, as evaluating a model on its training data does. The
        new epoch draws its seed like any other; the one under way, and a state saved during it, go on as they were.

        Returns
        -------
        iterator
            Of all ``len(loader)`` batches.

        Examples
        --------
        >>> loader = DataLoader(np.arange(4), batch_size=2)
        >>> batches = iter(loader)
        >>> next(batches), len(list(loader.fresh())), next(batches)
        ((array([0, 1]),), 2, (array([2, 3]),))
        """
        return self._batches(self._new_epoch())

    def _new_epoch(self) -> Epoch:
        """Return an epoch at its beginning; its seed is drawn now, if it needs one."""
        draws = self.shuffle or self.transform is not None
        source = common_generator() if self.generator is None else self.generator
        return Epoch(int(source.integers(2**63)) if draws else None)

    def _batches(self, epoch: Epoch) -> Iterator[Batch]:
        """Yield the batches of an epoch that were not handed out yet."""
        order = epoch.generator().permutation(len(self.dataset)) if self.shuffle else None
        made = (self._batch(i, order, epoch) for i in range(epoch.position, len(self)))
        with closing(ahead(made, self.prefetch)) as batches:
            for batch in batches:
                epoch.position += 1  # before it is handed out: a state saved while it is in use counts it as done
                yield batch
        if self._epoch is epoch:
            self._epoch = None

    def _batch(self, i: int, order: ndarray | None, epoch: Epoch) -> Batch:
        """Make batch i of an epoch."""
        part = slice(i * self.batch_size, (i + 1) * self.batch_size)
        batch = self.dataset[part if order is None else order[part]]
        if self.transform is not None:
            batch = self.transform(batch, epoch.generator(i))
        if not isinstance(batch, tuple):
            maker = "dataset[...]" if self.transform is None else "transform"
            raise DtypeError(f"DataLoader: {maker} must give a tuple of arrays, got {type(batch).__name__}")
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Return the position, to be stored as JSON, from which a new loader of the same data continues exactly.

        Returns
        -------
        dict
            ``"epoch"``: None between epochs, else the epoch's seed and the number of batches already handed out (not
            of those made ahead). ``"generator"``: the state of the loader's own generator; None if it draws from
            tinygrad_jp's, which is stored with ``tinygrad_jp.generator.state()``. Further what must be the same in the
            loader that continues.
        """
        own = self.generator and jsonable(self.generator.bit_generator.state)
        return {**self._kind(), "epoch": self._epoch and asdict(self._epoch), "generator": own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state: the next loop yields the rest of its epoch, perhaps nothing if it was at the end.

        Raises
        ------
        ArgumentError
            If the state is not that of a loader of the same number of examples, batch size and so on.
        """
        kind = self._kind()
        problems = [f"{key}={state.get(key)!r} instead of {kind[key]!r}" for key in kind if state.get(key) != kind[key]]
        problems += [f"no {key!r}" for key in ("epoch", "generator") if key not in state]
        if problems:
            raise ArgumentError(f"DataLoader.load_state_dict: the state is of another loader: {', '.join(problems)}")
        try:
            epoch = state["epoch"] and Epoch(**state["epoch"])
            if epoch is not None and not 0 <= epoch.position <= len(self):
                raise ValueError(f"position {epoch.position} of {len(self)} batches")
            if self.generator is not None:
                self.generator.bit_generator.state = state["generator"]
        except (KeyError, TypeError, ValueError) as error:
            raise ArgumentError(f"DataLoader.load_state_dict: cannot use this state: {error!r}") from None
        self._epoch, self._resumes = epoch, epoch is not None

    def _kind(self) -> dict[str, Any]:
        """Return what a state must have in common with the loader that continues from it."""
        return {
            "examples": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "transform": self.transform is not None,
            "own_generator": self.generator and type(self.generator.bit_generator).__name__,
        }


def as_dataset(dataset: Any) -> Dataset:
    """Return a Dataset as it is, and arrays as an ArrayDataset."""
    if isinstance(dataset, tuple | list):
        return ArrayDataset(*dataset)
    if isinstance(dataset, ndarray):
        return ArrayDataset(dataset)
    if isinstance(dataset, str | bytes | Mapping) or not (
        hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    ):
        raise DtypeError(f"DataLoader: needs arrays or a Dataset, got {type(dataset).__name__}; give (x, t)")
    return cast("Dataset", dataset)


def at_least(least: int, name: str, value: Any) -> int:
    """Return a whole number that is at least so large."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise DtypeError(f"DataLoader: {name} must be a whole number, got {value!r}")
    if value < least:
        raise ArgumentError(f"DataLoader: {name} must be at least {least}, got {value}")
    return int(value)


def jsonable(state: Any) -> Any:
    """Return the state of a bit generator with its arrays and NumPy numbers as lists and Python numbers."""
    if isinstance(state, Mapping):
        return {key: jsonable(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, ndarray | np.generic) else state
