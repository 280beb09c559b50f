"""Settings here and in the programs that tests start: English, and one BLAS thread: several wait on a busy machine."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["TINYGRAD_JP_LANG"] = "en"
