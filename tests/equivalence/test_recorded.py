"""Recorded trajectories at every rank: each is the fit of that rank, and the rule chooses one for all."""

import numpy as np
import pandas as pd
import pytest

from koopflow.config.spectra import SpectraSettings, TrajectorySettings
from koopflow.core.errors import KoopflowError
from koopflow.equivalence.ranks import ranked
from koopflow.equivalence.recorded import trajectory_spectrum
from koopflow.koopman.dmd import fit
from koopflow.koopman.fitted_runs import truncated
from koopflow.koopman.user_files import check_trajectory
from tests.api.test_comparisons import maps
from tests.api.test_operators import recorded

SPECTRA = SpectraSettings(walks=0, largest_rank=3)


def described(path, **more) -> TrajectorySettings:
    return TrajectorySettings.load({"path": str(path), **more}, "trajectories.mine")


def test_the_stable_rank_of_recordings_is_one_for_all_and_its_spectra_are_the_fits(tmp_path):
    tables = {}
    for name, slow in (("slow", 0.97), ("fast", 0.7)):
        path = recorded(tmp_path / f"{name}.h5", maps(slow, 0)[..., :3])
        spectrum, runs, _ = trajectory_spectrum(name, described(path, rank="stable"), SPECTRA, seed=0)
        assert sorted(spectrum["rank"].unique()) == [1, 2, 3]
        exact, own, _ = trajectory_spectrum(name, described(path, rank=2), SPECTRA, seed=0)
        at_two = spectrum[spectrum["rank"] == 2]
        for column in ("real", "imag", "residual", "real_low", "real_high"):
            assert np.allclose(at_two[column], exact[column], atol=1e-7), column
        assert np.allclose(own.loc[own["rank"] == 2, "real"], runs.loc[runs["rank"] == 2, "real"], atol=1e-7)
        assert set(own["rank"]) == {1, 2, 3}
        tables[name] = runs
    found = ranked(pd.concat(tables.values()), dict.fromkeys(tables, "stable"), 0.33)
    assert found.stability["chosen"].sum() == 2 * (found.stable > 1)


@pytest.mark.parametrize("variant", ["standard", "total_least_squares", "forward_backward"])
def test_a_truncated_fit_is_the_fit_of_that_rank(variant):
    runs = maps(0.9, 1, count=3)
    lower = truncated(fit(runs, svd_rank=4, variant=variant), 2)
    alone = fit(runs, svd_rank=2, variant=variant)
    assert np.allclose(lower.eigenvalues, alone.eigenvalues, atol=1e-9)
    assert np.allclose(lower.forecast(3), alone.forecast(3), atol=1e-8)


def test_what_the_stable_rank_cannot_do_is_refused(tmp_path):
    path = recorded(tmp_path / "one.h5", maps(0.9, 1, count=1)[..., :3])
    with pytest.raises(KoopflowError, match=r"rank stable needs at least two runs \(got 1\)"):
        check_trajectory("mine", described(path, rank="stable"))
    with pytest.raises(KoopflowError, match=r"windows must be null where rank is stable"):
        described(path, rank="stable", windows=20)
