"""Windows of requests, counted in memory: a storage for the `limits` library.

The library's own starts a thread every few milliseconds of a busy process, which looks through
all windows for those that have ended, and drops a lock together with its key, so that two threads
may hold one each. Here whoever opens a window clears the others, at times, and the caller has a
lock around all.
"""

import time

from limits.storage import Storage

_ENDED = (0, 0.0)


class WindowStorage(Storage):
    """Fixed windows in a dict; the caller keeps threads apart."""

    STORAGE_SCHEME = None
    base_exceptions = ()

    def __init__(self) -> None:
        super().__init__()
        self.windows: dict[str, tuple[int, float]] = {}
        """Requests counted and the end of the window, in seconds since the epoch."""
        self._room = 1024

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count requests in a window, which opens with the first; return how many there are."""
        counted, end = self.windows.get(key, _ENDED)
        now = time.time()
        if end <= now:
            counted, end = 0, now + expiry
            self._make_room(now)
        self.windows[key] = (counted + amount, end)
        return counted + amount

    def get(self, key: str) -> int:
        """Return how many requests there are in a window."""
        counted, end = self.windows.get(key, _ENDED)
        return counted if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when a window ends; now, if it is not open."""
        _counted, end = self.windows.get(key, _ENDED)
        return max(end, time.time())

    def check(self) -> bool:
        """Say that memory can be reached."""
        return True

    def reset(self) -> int:
        """Forget every window; return how many there were."""
        number = len(self.windows)
        self.windows.clear()
        return number

    def clear(self, key: str) -> None:
        """Forget one window."""
        self.windows.pop(key, None)

    def _make_room(self, now: float) -> None:
        """Drop the windows that have ended, once their number has doubled since the last time.

        Looking at all of them costs each request the same, however many there are.
        """
        if len(self.windows) < self._room:
            return
        self.windows = {key: window for key, window in self.windows.items() if window[1] > now}
        self._room = max(1024, 2 * len(self.windows))
