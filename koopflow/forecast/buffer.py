"""Arrays that grow at the end without being copied each time."""

import numpy as np


class Growing:
    """An array that takes in rows at its end in constant time on average; ``view`` shows what is in it, without a copy."""

    def __init__(self):
        self._store: np.ndarray | None = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, rows: np.ndarray) -> None:
        """Append `rows` (n, ...); the first call settles the shape of a row and the type."""
        if self._store is None:
            self._store = np.empty((max(16, len(rows)), *rows.shape[1:]), dtype=rows.dtype)
        if self._size + len(rows) > len(self._store):
            store = np.empty((max(2 * len(self._store), self._size + len(rows)), *self._store.shape[1:]), dtype=self._store.dtype)
            store[: self._size] = self._store[: self._size]
            self._store = store
        self._store[self._size : self._size + len(rows)] = rows
        self._size += len(rows)

    @property
    def view(self) -> np.ndarray:
        """Return the rows so far, (size, ...)."""
        return self._store[: self._size]
