"""One BLAS thread, here and in the programs that tests start: several wait for each other when a machine is busy."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
