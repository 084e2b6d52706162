"""The check of ``spectra``: the files of every trajectory."""

from typing import Any

from koopflow.config.spectra import TrajectorySettings
from koopflow.koopman import user_files


def check(trajectories: dict[str, Any]) -> dict[str, str]:
    """Check the files of every trajectory.

    Raises
    ------
    KoopflowError
        For the first trajectory that cannot be fitted.
    """
    for name, spec in trajectories.items():
        user_files.check_trajectory(name, TrajectorySettings.load(spec, f"trajectories.{name}"))
    return dict.fromkeys(sorted(trajectories), "can be fitted")
