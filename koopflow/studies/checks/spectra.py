"""The check of ``spectra``: the files of every trajectory."""

from typing import Any

from koopflow.config.spectra import TrajectorySettings
from koopflow.equivalence.windows import ends, starts
from koopflow.koopman import user_files
from koopflow.koopman.source import as_runs


def check(trajectories: dict[str, Any]) -> dict[str, str]:
    """Check the files of every trajectory.

    Raises
    ------
    KoopflowError
        For the first trajectory that cannot be fitted.
    """
    for name, spec in trajectories.items():
        settings = TrajectorySettings.load(spec, f"trajectories.{name}")
        user_files.check_trajectory(name, settings)
        if settings.windows is not None:
            with user_files.opened(name, settings) as files:
                for file in files:
                    starts(file.steps, settings.windows)
                    as_runs(file.window(*ends(file.steps, settings.windows)), settings.delays)
    return dict.fromkeys(sorted(trajectories), "can be fitted")
