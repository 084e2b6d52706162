"""A user's CSV file as times and values."""

import numpy as np
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series.numbers import Marks, read_numbers
from koopflow.data.series.series import Times
from koopflow.data.series.stamps import Place, read_stamps
from koopflow.data.series.table import read_table


def csv(name: str, settings: SeriesSettings, seed: int) -> tuple[Times, NDArray[np.float64], str]:
    """Read the columns ``time`` (one or two) and ``value`` of the CSV file at ``path``.

    Raises
    ------
    KoopflowError
        One line that names the series, the file, and the line of the file.
    """
    key = f"series.{name}"
    if not (settings.path and settings.time and settings.value):
        absent = next(option for option in ("path", "time", "value") if not getattr(settings, option))
        raise KoopflowError(f"{key}.{absent}: this key is missing; a CSV file needs path, time and value")
    columns = [settings.time] if isinstance(settings.time, str) else list(settings.time)
    wanted = [*(("time", column) for column in columns), ("value", settings.value)]
    table = read_table(key, settings.path, wanted, settings.separator)
    times = read_stamps(table.columns[:-1], Place(name, settings.path, table.lines))
    marks = Marks(settings.decimal, settings.thousands, settings.missing)
    values = read_numbers(key, settings.path, table.columns[-1], table.lines, marks, table.separator)
    return times, values, settings.value
