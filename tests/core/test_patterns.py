"""Name patterns: shell-style, case-sensitive, and a pattern without a match is an error that lists
names."""

import pytest

from koopflow.core.errors import KoopflowError
from koopflow.core.patterns import matches, matching

NAMES = ["conv1.weight", "fc2.bias", "fc2.weight", "Fc2.weight"]


def test_names_keep_their_order_and_case_counts():
    assert matching(NAMES, ["fc2.weight", "fc2.*"], "parameters") == ["fc2.bias", "fc2.weight"]
    assert matching(NAMES, None, "parameters") == NAMES
    assert not matches("FC2.bias", "fc2.*")


def test_a_pattern_without_a_match_is_named_beside_the_nearest_name():
    with pytest.raises(KoopflowError, match=r"run.h5: no parameter matches 'fc2.wieght' \(did you mean fc2.weight\?\)"):
        matching(NAMES, ["fc2.bias", "fc2.wieght"], "run.h5")
    with pytest.raises(KoopflowError, match=r"it has p0, .*p11, …$"):
        matching([f"p{number}" for number in range(13)], "q*", "run.h5")
