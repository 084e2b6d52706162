"""Arrays that grow by appending rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Growing:
    """An array that grows by appending rows, in amortized constant time per row."""

    def __init__(self) -> None:
        self._store: NDArray[Any] | None = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, rows: NDArray[Any]) -> None:
        """Append `rows` (n, ...); the first call fixes the row shape and dtype."""
        store, size = self._store, self._size + len(rows)
        if store is None:
            store = np.empty((max(16, len(rows)), *rows.shape[1:]), dtype=rows.dtype)
        elif size > len(store):
            larger = np.empty((max(2 * len(store), size), *store.shape[1:]), dtype=store.dtype)
            larger[: self._size] = store[: self._size]
            store = larger
        store[self._size : size] = rows
        self._store, self._size = store, size

    @property
    def view(self) -> NDArray[Any]:
        """Return the rows so far, (size, ...)."""
        if self._store is None:
            raise ValueError("no rows were appended yet")
        return self._store[: self._size]
