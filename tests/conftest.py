"""Settings here and in the programs that tests start: English, and one BLAS thread; and of Hypothesis."""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # several wait on a busy machine
os.environ["TINYGRAD_JP_LANG"] = "en"

# how fast a machine draws examples is nothing that a test should fail for
settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")
