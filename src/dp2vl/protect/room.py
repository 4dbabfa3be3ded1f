"""Memory that several photos at once may take."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

BYTES_PER_VALUE = 7
"""What writing a change into a photo and judging the copy takes per 8 bits of the photo: measured at 12 and 48 MP."""
HOST_SHARE = 0.5
"""Of the machine's free memory, for what is done to photos at full size."""


class Room:
    """Lets photos in as long as all of them together fit, and one that is larger than that alone.

    Args:
        size: of the photos that fit at once, in bytes of decoded pixels.
    """

    def __init__(self, size: int) -> None:
        self.size = self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait until there is room for a photo of that size, and hold it."""
        taken = min(size, self.size)
        with self._changed:
            self._changed.wait_for(lambda: taken <= self._free)
            self._free -= taken
        try:
            yield
        finally:
            with self._changed:
                self._free += taken
                self._changed.notify_all()


def room_here() -> Room:
    """Return the room that this machine has for judging copies."""
    return Room(max(1, int(HOST_SHARE * psutil.virtual_memory().available / BYTES_PER_VALUE)))
