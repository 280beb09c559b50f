"""Settings here and in the programs that tests start: English, and one BLAS thread; and of Hypothesis."""

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # several wait on a busy machine
os.environ["TINYGRAD_JP_LANG"] = "en"

# how fast a machine draws examples is nothing that a test should fail for
settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")


@pytest.fixture
def threads_of_blas() -> Iterator[Callable[[], int]]:
    """Let NumPy's BLAS begin a second thread, and tell how many it would begin."""
    from tinygrad_jp.kernels.threads import openblas_functions

    functions = openblas_functions("{}openblas_get_num_threads", "{}openblas_set_num_threads")
    if functions is None:
        pytest.skip("NumPy's BLAS is no OpenBLAS that came with it")
    get, set_threads = functions
    before = get()
    set_threads(2)
    yield get
    set_threads(before)
