"""Have Snakemake write its report of the finished run."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import subprocess
    import sys

    from koopflow.core.errors import KoopflowError

    command = [
        sys.executable,
        "-m",
        "snakemake",
        "all",
        "--snakefile",
        snakemake.params.snakefile,
        "--nolock",
        "--cores",
        "1",
    ]
    command += ["--report", snakemake.output[0], *snakemake.params.options]
    done = subprocess.run(command, capture_output=True, text=True)
    log.info(done.stdout + done.stderr)
    if done.returncode:
        raise KoopflowError(f"{snakemake.output[0]}: snakemake --report failed; see {snakemake.log[0]}")
