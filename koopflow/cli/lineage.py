"""One digest of all that a job's results depend on, so that outdated results never count as
current.

When a job fails, Snakemake deletes its outputs and their record. A table that an earlier run made
from those outputs remains, its own parameters are unchanged, and the next run finds nothing to do.
`attach` therefore adds a parameter to every job: a digest of its other parameters, of the user's
files that they name, of the files it reads, and of the jobs that make its inputs. A changed setting
or file changes the digest of every job downstream, whatever failed in between.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from snakemake.common import get_function_params
from snakemake.iocontainers import Wildcards

NAME = "made_from"
"""The parameter that holds the digest."""
DERIVED = {"input", "output", "threads", "resources"}
"""Arguments of parameter functions that are left out: their values follow from inputs and
wildcards."""


def attach(rules: Iterable[Any], digest: Callable[[str], str], named: Callable[[Any], list[tuple[str, str]]]) -> None:
    """Give each rule that has outputs the parameter ``made_from``.

    Parameters
    ----------
    rules : iterable of snakemake.rules.Rule
    digest : callable
        Returns the digest of a file or folder that no rule makes.
    named : callable
        Returns the name and digest of each file that a parameter's value names.
    """
    lineage = Lineage(rules, digest, named)
    for rule in lineage.rules:
        rule.set_params(**{NAME: lineage.parameter(rule)})


class Lineage:
    """The digests of jobs, each computed once.

    Parameters
    ----------
    rules : iterable of snakemake.rules.Rule
    digest, named : callable
        See `attach`.
    """

    def __init__(
        self, rules: Iterable[Any], digest: Callable[[str], str], named: Callable[[Any], list[tuple[str, str]]]
    ):
        self.rules = [rule for rule in rules if rule.output]
        self._digest, self._named = digest, named
        self._jobs: dict[tuple[str, str], str] = {}
        self._files: dict[str, str] = {}

    def parameter(self, rule: Any) -> Callable[[Any], str]:
        """Return the digest as a function of wildcards: Snakemake compares only parameters that
        depend on nothing else."""
        return lambda wildcards: self.of(rule, dict(wildcards.items()))

    def of(self, rule: Any, wildcards: dict[str, str]) -> str:
        """Return the digest of the job of `rule` with `wildcards`: 32 hexadecimal digits."""
        job = rule.name, json.dumps(wildcards, sort_keys=True)
        if job not in self._jobs:
            files = sorted(map(str, rule.expand_input(wildcards)[0]))
            params = list(self._params(rule, wildcards))
            content = (
                rule.name,
                [(path, self._of_file(path)) for path in files],
                [(name, repr(value), self._named(value)) for name, value in params],
            )
            self._jobs[job] = hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest()
        return self._jobs[job]

    def _of_file(self, path: str) -> str:
        """Return the digest of the job that makes `path`, or of the file itself if no rule makes
        it."""
        if path not in self._files:
            producer = next((rule for rule in self.rules if rule.is_producer(path)), None)
            self._files[path] = (
                self._digest(path) if producer is None else self.of(producer, dict(producer.get_wildcards(path)))
            )
        return self._files[path]

    @staticmethod
    def _params(rule: Any, wildcards: dict[str, str]) -> Iterator[tuple[str, Any]]:
        """Yield the name and value of each parameter of a job."""
        for name, value in rule.params.items():
            if name == NAME:
                continue
            if callable(value):
                if DERIVED & set(get_function_params(value)):
                    continue
                value, _ = rule.apply_input_function(value, Wildcards(fromdict=wildcards))
            yield name, value
