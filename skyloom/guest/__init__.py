"""The tiny guest: a small, real cloud image that anyone can build in seconds from Debian's own packages.

It is what `make cloud`, the tests and the benches boot. `build` is the whole face.
"""

from skyloom.guest.tiny import TinyImage, build

__all__ = ["TinyImage", "build"]
