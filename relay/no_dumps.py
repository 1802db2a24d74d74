"""No core dump of this process, and no look into its memory for others: it holds keys, or who is connected."""

import ctypes
import resource
import sys

# linux/prctl.h
_PR_SET_DUMPABLE = 4


def forbid_dumps() -> None:
    """Let nothing of this process's memory be written to disk when it crashes.

    On Linux, no other process of the same user can read it or attach a debugger either (prctl(2), PR_SET_DUMPABLE). A program
    that this one starts begins without that, but with the limit of 0 bytes.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # The limit alone is not enough: the kernel does not ask it where core_pattern is a pipe.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
