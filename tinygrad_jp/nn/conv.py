"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..errors import ArgumentError, ShapeError
from ..ops.table import Op
from ..tensor import Tensor, as_tensor
from . import init as initial
from .module import Module, Parameter, check_counts, check_flags, takes_along

Lengths = int | Sequence[int]
"""One number for every direction, or one for each."""


class _Convolution(Module):
    """What the convolutional layers share: filters, a bias for each map, and a function of images and filters."""

    directions: ClassVar[int] = 2
    function: ClassVar[Op[Any]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: Lengths,
        bias: bool,
        init: str | float | initial.Init,
        dtype: DTypeLike,
        groups: int,
        **options: Any,
    ) -> None:
        name = type(self).__name__
        check_counts(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        check_flags(name, bias=bias, strict=options.get("strict", False))
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: channels must be divisible by groups, got {in_channels} in, {out_channels} out, "
                f"groups={groups}"
            )
        extent = tuple(size) if isinstance(size, Iterable) else (size,) * self.directions
        if len(extent) != self.directions:
            raise ArgumentError(f"{name}: a filter needs {self.directions} lengths of at least 1, got size={size!r}")
        for length in extent:
            check_counts(name, size=length)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.options = {**options, "groups": groups}
        self.weight = Parameter(initial.get(init)(self._weight_shape(groups, extent)), "W", dtype)
        self.bias = Parameter(np.zeros(out_channels), "b", dtype) if bias else None

    def _weight_shape(self, groups: int, extent: tuple[int, ...]) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // groups, *extent)

    def _check_input(self, x: Tensor) -> Tensor:
        lengths = ("L",) if self.directions == 1 else ("H", "W")
        x = as_tensor(x)
        if x.ndim != 2 + self.directions or x.shape[1] != self.in_channels:
            raise ShapeError(
                f"{type(self).__name__}: needs shape (N, {self.in_channels}, {', '.join(lengths)}), channels first, "
                f"got {x.shape}"
            )
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Map images of shape (N, in_channels, …) to maps of shape (N, out_channels, …)."""
        y: Tensor = self.function(self._check_input(x), self.weight, **self.options)
        if self.bias is None:
            return y
        return y + ops.reshape(self.bias, (self.out_channels, *[1] * self.directions))

    def extra_repr(self) -> str:
        """Channels, size of the filter, and the options that were chosen."""
        usual = type(self).function.defaults
        chosen = [f"{name}={value!r}" for name, value in self.options.items() if value != usual[name]]
        size = "×".join(map(str, self.weight.shape[2:]))
        bias = [] if self.bias is not None else ["bias=False"]
        return ", ".join([str(self.in_channels), str(self.out_channels), size, *chosen, *bias])


class Conv2d(_Convolution):
    """Convolution layer (the book, section 7.2): a bank of filters slides over images.

    Parameters
    ----------
    in_channels
        C, channels of the images.
    out_channels
        FN, how many filters, which is the number of channels that come out.
    size
        Height and width of a filter: one number for both, or (FH, FW).
    stride
        Distance between two places of a filter; one number or two.
    padding
        Zeros around the images: one number, (vertical, horizontal), or ``"same"``, which keeps the size.
    dilation
        Distance between a filter's elements; one number or two.
    groups
        Into how many groups the channels are divided, each of which has its own filters.
    bias
        Whether a number is added to each map.
    init
        Initial values of the filters, as in ``Linear``; He's, for the C / groups · FH · FW inputs of a unit.
    strict
        Refuse images whose last rows or columns no filter sees (a remainder in the book's equation 7.1).
    dtype
        Of the parameters.

    Attributes
    ----------
    weight
        The filters, shape (FN, C / groups, FH, FW).
    bias
        Shape (FN,), at first 0; or None.

    Examples
    --------
    >>> Conv2d(1, 30, 5)(np.zeros((100, 1, 28, 28), np.float32)).shape
    (100, 30, 24, 24)
    """

    function = ops.conv2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: Lengths,
        stride: Lengths = 1,
        padding: Lengths | str = 0,
        dilation: Lengths = 1,
        groups: int = 1,
        bias: bool = True,
        init: str | float | initial.Init = "he",
        strict: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        options = {"stride": stride, "padding": padding, "dilation": dilation, "strict": strict}
        super().__init__(in_channels, out_channels, size, bias, init, dtype, groups, **options)

    @takes_along("relu", "pool")
    def forward(self, x: Tensor, relu: bool = False, pool: int = 1) -> Tensor:
        """Map images of shape (N, in_channels, H, W) to maps of shape (N, out_channels, OH, OW).

        `relu` and `pool` (the side of its windows) do what ``ReLU`` and ``MaxPool2d`` behind this layer would.
        """
        x = self._check_input(x)
        if self.bias is None and not relu and pool == 1:
            return ops.conv2d(x, self.weight, **self.options)
        bias = np.zeros(self.out_channels, self.weight.dtype) if self.bias is None else self.bias
        return ops.conv_layer(x, self.weight, bias, **self.options, relu=relu, pool=pool)


class Conv1d(_Convolution):
    """Convolution of sequences: :class:`Conv2d` with one direction.

    Parameters
    ----------
    in_channels, out_channels
        C and FN.
    size
        Length of a filter.
    stride, padding, dilation, groups, bias, init, strict, dtype
        As in :class:`Conv2d`, for the one direction.

    Attributes
    ----------
    weight
        The filters, shape (FN, C / groups, size).
    bias
        Shape (FN,), at first 0; or None.
    """

    directions = 1
    function = ops.conv1d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        stride: int = 1,
        padding: int | str = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        init: str | float | initial.Init = "he",
        strict: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        options = {"stride": stride, "padding": padding, "dilation": dilation, "strict": strict}
        super().__init__(in_channels, out_channels, size, bias, init, dtype, groups, **options)


class ConvTranspose2d(_Convolution):
    """Transposed convolution, which enlarges: what the gradient of :class:`Conv2d` does to its input.

    Of the literature's names "deconvolution" is the oldest (J. Long, E. Shelhamer, T. Darrell, 2015, section 3.3).

    Parameters
    ----------
    in_channels, out_channels
        C and FN.
    size, stride, padding, dilation
        Those of the convolution it transposes: the images grow from H to
        (H − 1) · stride − 2 · padding + dilation · (FH − 1) + 1 + output_padding.
    output_padding
        Rows and columns added at the bottom and the right, fewer than `stride`.
    groups, bias, init, dtype
        As in :class:`Conv2d`. For ``init`` the number of inputs is read from the second axis of the weight, as
        PyTorch does.

    Attributes
    ----------
    weight
        The filters, shape (C, FN / groups, FH, FW): the layout of the convolution it transposes.
    bias
        Shape (FN,), at first 0; or None.
    """

    function = ops.conv_transpose2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: Lengths,
        stride: Lengths = 1,
        padding: Lengths = 0,
        output_padding: Lengths = 0,
        dilation: Lengths = 1,
        groups: int = 1,
        bias: bool = True,
        init: str | float | initial.Init = "he",
        dtype: DTypeLike = np.float32,
    ) -> None:
        options = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
        super().__init__(in_channels, out_channels, size, bias, init, dtype, groups, **options)

    def _weight_shape(self, groups: int, extent: tuple[int, ...]) -> tuple[int, ...]:
        return (self.in_channels, self.out_channels // groups, *extent)
