"""The series of one entry of a study: one, or one per identifier of a CSV file."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from koopflow.config.series import SeriesSettings
from koopflow.core import facts
from koopflow.core.errors import KoopflowError
from koopflow.data.series.beside import columns_beside
from koopflow.data.series.csv import Samples, csv_parts
from koopflow.data.series.loading import SeriesSpec, given, load, prepared
from koopflow.data.series.series import Series


@dataclass(frozen=True)
class Group:
    """Series, and the reason for each one that is left out, by identifier."""

    series: dict[str, Series]
    left_out: dict[str, str]


def collected(readers: Mapping[str, Callable[[], Series]]) -> Group:
    """Return the series that can be read.

    Series whose step differs from that of most are left out: one horizon would not mean the same.
    """
    series: dict[str, Series] = {}
    reasons: dict[str, str] = {}
    for name, reader in readers.items():
        try:
            series[name] = reader()
        except KoopflowError as error:
            reasons[name] = str(error)
    steps = Counter(each.step for each in series.values())
    usual = steps.most_common(1)[0][0] if steps else ""
    for name, each in series.items():
        if each.step != usual:
            reasons[name] = f"its step is a {each.step}, that of most series a {usual}"
    return Group({name: each for name, each in series.items() if name not in reasons}, reasons)


def load_group(name: str, spec: SeriesSpec, seed: int = 0) -> Group:
    """Return the series that the entry `name` describes: one per identifier if it has ``id``.

    Raises
    ------
    KoopflowError
        If the file cannot be read; or, without ``id``, as in `load`.
    """
    settings = SeriesSettings.load(spec, f"series.{name}")
    if settings.id is None:
        series = load(name, settings, seed)
        return Group({name: replace(series, beside=columns_beside(series, settings))}, {})
    if settings.kind != "csv":
        raise KoopflowError(f"series.{name}.id: needs path, a CSV file with a column of identifiers")
    if settings.beside is not None:
        raise KoopflowError(f"series.{name}.beside: cannot stand beside id; leave one of them out")
    content = hashlib.sha256()

    def one(each: str, read: Callable[[], Samples]) -> Series:
        times, values, regressors = read()
        content.update(each.encode() + times.tobytes() + values.tobytes())
        return prepared(each, times, values, str(settings.value), **given(settings), regressors=regressors)

    parts = csv_parts(name, settings)
    found = collected({each: partial(one, each, read) for each, read in parts.items()})
    facts.note("data", name=name, source="csv", samples=len(parts), sha256=content.hexdigest())
    return found
