"""Why a cluster ended jobs, in a line each."""

import pytest

from koopflow.workflow.job import STOPPED
from koopflow.workflow.slurm_failures import reasons

# Cut from the logs of real runs (tests/cluster/test_recovery.py), long lists left out.
OVER_MEMORY = """Error in rule train_ensemble:
    message: SLURM-job '10' failed, SLURM status is: 'FAILED'. Detailed failure reason unavailable (status command is not 'sacct').
    jobid: 0
Logfile .snakemake/slurm_logs/rule_train_ensemble/hopeless_0/10.log:
slurmstepd-vm: error: StepId=10.0 exceeded memory limit (3026100224 > 2097152000), being killed
[Tue Nov 24 08:12:00 2026]
Error in rule train_ensemble:
    message: None
slurmstepd-vm: error: Exceeded job memory limit
"""  # noqa: E501
STATE = """Error in rule fit_spectra:
    message: SLURM-job '5' failed, SLURM status is: '{}'. Detailed failure reason unavailable (status command is not 'sacct').
"""  # noqa: E501


def test_memory_is_named_once_for_a_rule():
    (line,) = reasons(OVER_MEMORY)
    assert line.startswith("SLURM ended a job of train_ensemble: over its memory")
    assert "--set-resources train_ensemble:mem_mb=" in line


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("TIMEOUT", "at its time limit"),
        ("CANCELLED", "cancelled"),
        ("OUT_OF_MEMORY", "over its memory"),
        ("NODE_FAIL", "lost with its node"),
    ],
)
def test_states_are_told_apart(state, said):
    (line,) = reasons(STATE.format(state))
    assert line.startswith(f"SLURM ended a job of fit_spectra: {said}")


def test_a_job_that_slurm_asked_to_stop_is_at_its_time_limit_unless_someone_cancelled_it():
    (line,) = reasons(STATE.format("FAILED") + f"Logfile logs/a.log:\n12:00:00 {STOPPED}\n")
    assert line.startswith("SLURM ended a job of fit_spectra: at its time limit")
    (line,) = reasons(STATE.format("CANCELLED") + f"Logfile logs/a.log:\n12:00:00 {STOPPED}\n")
    assert line.startswith("SLURM ended a job of fit_spectra: cancelled")


def test_each_rule_has_its_own_reason():
    lines = reasons(STATE.format("TIMEOUT") + OVER_MEMORY)
    assert [line.split(":")[0].split()[-1] for line in lines] == ["fit_spectra", "train_ensemble"]


def test_a_failure_of_the_code_is_no_failure_of_the_cluster():
    assert reasons("Error in rule train_ensemble:\n    message: None\nkoopflow: data: no such file\n") == []
    assert reasons("") == []


# Of a node without the folder of the run (tests/cluster/test_blind_node.py): no log, and no reason.
UNSEEN = """    message: Error in group optimizers
    log: /shared/a study/.snakemake/slurm_logs/group_optimizers/1.log (check log file(s) for error details)
    jobs:
        rule run_optimizers:
            jobid: 0
Logfile /shared/a study/.snakemake/slurm_logs/group_optimizers/1.log not found.
    Error in rule run_optimizers:
        message: None
    Logfile logs/results/run_optimizers.log not found.
"""


@pytest.mark.parametrize(
    "account",
    [
        UNSEEN,
        UNSEEN.replace("message: Error in group optimizers", "Error in rule run_optimizers:"),
        STATE.format("FAILED").replace("fit_spectra", "run_optimizers")
        + "slurmstepd-vm: error: couldn't chdir to `/shared/study': No such file or directory: going to /tmp instead\n",
    ],
)
def test_a_node_that_does_not_see_the_folder_is_named_as_the_reason(account):
    (line,) = reasons(account)
    assert line.startswith("SLURM ended a job of run_optimizers: on a node that does not see this folder, or cannot")
