"""Networks: modules, layers and initial values."""

from __future__ import annotations

from . import init
from .containers import ModuleDict, ModuleList, Sequential
from .dropout import Dropout
from .linear import Affine, Embedding, Flatten, Linear, Reshape
from .module import Module, Parameter
from .normalization import BatchNorm1d, LayerNorm

__all__ = [
    "Affine",
    "BatchNorm1d",
    "Dropout",
    "Embedding",
    "Flatten",
    "LayerNorm",
    "Linear",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "Reshape",
    "Sequential",
    "init",
]
