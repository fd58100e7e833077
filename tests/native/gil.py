"""Whether a call lets go of the GIL."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable


def others_advance(call: Callable[[], object]) -> bool:
    """True if another thread runs during a call, which means that the call releases the GIL.

    The switch interval is set far longer than the call, so no other thread runs otherwise.
    """
    started, done = threading.Event(), threading.Event()
    count = 0

    def advance():
        nonlocal count
        started.set()
        while not done.is_set():
            count += 1
            time.sleep(0)  # the only way in which it lets go of the GIL itself

    interval = sys.getswitchinterval()
    thread = threading.Thread(target=advance)
    try:
        thread.start()
        started.wait()
        sys.setswitchinterval(1000)
        before = count
        call()
        after = count
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()
    return after > before
