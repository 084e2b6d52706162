"""Short CSV tables without pandas, which takes longer to import than a small training to write."""

import csv
import os
from collections.abc import Iterable, Sequence

from koopflow.io.atomic import atomic_write


def write_rows(rows: Iterable[Sequence[object]], path: str | os.PathLike[str], columns: Sequence[str]) -> None:
    """Write rows to `path` as CSV, the same bytes as `koopflow.io.tables.write_csv`.

    Parameters
    ----------
    rows : iterable of sequence
        The cells of each row, in the order of `columns`; None and NaN are empty cells.
    path : path
    columns : sequence of str
        The table's contract (`koopflow.io.columns`).
    """
    with atomic_write(path) as partial, open(partial, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    if value is None or value != value:
        return ""
    return value if isinstance(value, str | int) else f"{float(value):.17g}"  # type: ignore[arg-type]  # a number
