"""The step of each state in a folder: from the file's own counters if it has any, else from its
name.

Metrics ("val_loss=0.45"), dates and versions ("-v1") in a name are not steps.
"""

import re
from collections.abc import Mapping, Sequence

STEP_KEYS = (
    *("global_step", "global_steps", "step", "steps", "train_step", "trainer_step", "num_steps", "n_steps"),
    *(
        "iteration",
        "iterations",
        "iter",
        "n_iter",
        "iter_num",
        "num_iter",
        "itr",
        "it",
        "num_updates",
        "updates",
        "round",
        "level",
    ),
)
EPOCH_KEYS = ("epoch", "epochs", "current_epoch")
LARGEST = 2**62

_NOISE = (
    r"(?<!\d)(19|20)\d{2}[-_.]\d{2}[-_.]\d{2}([T_ -]+\d{2}[-_:.h]?\d{2}([-_:.m]?\d{2})?)?(?!\d)",  # 2024-05-31 17:30:00
    r"(?<!\d)(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])([T_-]?\d{4,6})?(?!\d)",  # 20240531-1730
    r"[-_.]v\d+(?=$|[-_.])",
    r"[a-z_]*(loss|acc|accuracy|error|auc|f1|score|metric|lr|top1|top5|bleu|ppl|psnr)[a-z]*[=_:-]*\d+(\.\d+)?(e-?\d+)?",
    r"(?<![\d.])\d+\.\d+(e[-+]?\d+)?(?![\d.])",
)
_STEP = re.compile(
    r"(?<![a-z])(?:global_?)?(?:steps?|iter(?:ation)?s?|it|updates?|rounds?|levels?|checkpoint|ckpt)[=_:. -]*(\d+)"
)
_EPOCH = re.compile(r"(?<![a-z])(?:epochs?|ep)[=_:. -]*(\d+)")


def steps_of(names: Sequence[str], counters: Sequence[Mapping[str, int]]) -> list[int | None]:
    """Return the step of each state.

    The first of these that differs between all states decides: a step counter in the files, an
    epoch in the files, a named step in the names, a named epoch, or a whole number at one place of
    all names.

    Parameters
    ----------
    names : sequence of str
        File or folder names without suffix.
    counters : sequence of mappings
        The counters in each file; see `STEP_KEYS` and `EPOCH_KEYS`.

    Returns
    -------
    list of int or None
        If none differs between all states, the last number in each name, which may repeat; None if
        there is none.
    """
    cleaned = [clean(name) for name in names]
    for key in (*STEP_KEYS, *EPOCH_KEYS):
        found = [own.get(key) for own in counters]
        if _distinct(found):
            return found
    for pattern in (_STEP, _EPOCH):
        found = [_last(pattern.findall(name)) for name in cleaned]
        if _distinct(found):
            return found
    numbers = [re.findall(r"\d+", name) for name in cleaned]
    for place in range(1, min(map(len, numbers), default=0) + 1):
        if len(set(map(len, numbers))) == 1 and _distinct(found := [int(many[-place]) for many in numbers]):
            return found
    return [_last(many) for many in numbers]


def clean(name: str) -> str:
    """Return `name` in lower case without metrics, dates, versions and decimal numbers.

    >>> clean("epoch=3-val_loss=0.45-v1")
    'epoch=3-'
    """
    name = name.lower()
    for pattern in _NOISE:
        name = re.sub(pattern, "", name)
    return name


def _last(numbers: Sequence[str]) -> int | None:
    return int(numbers[-1]) if numbers else None


def _distinct(found: Sequence[int | None]) -> bool:
    return (
        None not in found
        and len(set(found)) == len(found)
        and all(0 <= step < LARGEST for step in found if step is not None)
    )
