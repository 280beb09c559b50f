"""Where the program ``tinygrad-jp`` begins; installed beside the package, as the module ``tinygrad_jp_start``.

To import anything of the package is to load NumPy, which takes a while; from outside, Ctrl-C is told then too.
"""

from __future__ import annotations

import os
import signal


def main() -> int:
    """Run the command line and return the exit status."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is signal.default_int_handler:  # and not ignored, as in a job in the background
        signal.signal(signal.SIGINT, _interrupted)
    from tinygrad_jp.__main__ import main as run

    signal.signal(signal.SIGINT, usual)
    return run()


def _interrupted(*_: object) -> None:
    """End the process at once: NumPy's extensions, while they load, would make another error of KeyboardInterrupt."""
    os.write(2, b"tinygrad-jp: interrupted\n")
    os._exit(130)
