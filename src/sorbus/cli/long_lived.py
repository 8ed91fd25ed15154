"""What a process that stays for long does once, when everything is loaded."""

from __future__ import annotations

import gc


def settle() -> None:
    """Tell the garbage collector that what is loaded now stays, so that it need not look through it again.

    Measured: full collections cost a busy pipeline about a seventh of its time without it.
    """
    gc.collect()
    gc.freeze()
