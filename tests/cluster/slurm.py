"""A real SLURM on this one machine, for tests: Debian's slurm-wlm and munge, no systemd, everything
on the loopback interface.

``python tests/cluster/slurm.py`` starts one, prints the variable that points the SLURM commands at
it, and stops it at Ctrl-C. All its files (configuration, keys, state, logs) lie in one folder, its
daemons are children of this process, and they are ended by process id, so that it neither disturbs
nor is disturbed by anything else on the machine.
"""

import os
import secrets
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "srun")
SEARCH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
GPUS = 2  # counted, not real: two ordinary character devices stand for them

CONFIGURATION = """
ClusterName=onemachine
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
# Both are needed for the daemons to listen on nothing but the loopback interface.
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# Without cgroups the memory of a job is polled, and a job over its request is ended.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
# A job over its time limit is ended at once; on real clusters some minutes of grace are usual.
OverTimeLimit=0
KillWait=2
# squeue still tells of a job an hour after its end.
MinJobAge=3600
ReturnToService=2
# The node offers two cores even where there is one.
SlurmdParameters=config_overrides
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/node
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=2:00:00 State=UP
PartitionName=gpu Nodes={host} MaxTime=1:00:00 State=UP
"""


def missing() -> list[str]:
    """Return the programs of SLURM and munge that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program, path=SEARCH) is None]


@contextmanager
def one_machine(folder: Path, cpus: int | None = None, unseen: Path | None = None) -> Iterator[dict[str, str]]:
    """Run a SLURM whose files lie in `folder`; yield the environment in which its commands reach
    it.

    Parameters
    ----------
    folder : path
        An empty folder below one that others cannot write, or a sticky one such as /tmp: munge
        insists.
    cpus : int, optional
        What the node offers; by default the cores of this process, and two at least.
    unseen : path, optional
        A folder that the node does not see: it finds an empty one in its place.
    """
    if absent := missing():
        raise RuntimeError(f"not installed: {', '.join(absent)} (Debian: apt-get install slurm-wlm munge)")
    configuration = _configure(folder, cpus or max(2, len(os.sched_getaffinity(0))))
    environment = {
        **os.environ,
        "SLURM_CONF": str(configuration),
        "PATH": f"{_commands(folder, configuration)}:{SEARCH}",
    }
    daemons: list[subprocess.Popen] = []

    def start(*command: str) -> None:
        with open(folder / f"{command[0]}.out", "w") as output:
            daemons.append(
                subprocess.Popen(command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
            )

    try:
        files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        start("munged", "--foreground", f"--socket={folder}/munge.socket", *files)
        _wait_for("munge", folder, daemons, lambda: (folder / "munge.socket").is_socket())
        start("slurmctld", "-D")
        if unseen is None:
            start("slurmd", "-D")
        else:
            start("unshare", "--mount", "sh", "-c", f"mount -t tmpfs none {shlex.quote(str(unseen))} && exec slurmd -D")
        _wait_for("an idle node", folder, daemons, lambda: "idle" in _told(environment, "sinfo", "-h", "-o", "%T"))
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=15)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _configure(folder: Path, cpus: int) -> Path:
    """Write the keys, devices and configuration files into `folder`; return the one that SLURM_CONF
    names."""
    folder.chmod(0o755)
    for name in ("controller", "node"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    host = socket.gethostname().split(".")[0]
    socket.gethostbyname(host)  # SLURM needs the name to resolve
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 512
    for number in range(GPUS):
        os.mknod(folder / f"gpu{number}", 0o600 | 0o020000, os.makedev(1, 3))
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
    controller_port, node_port = _free_ports(2)
    text = CONFIGURATION.format(
        host=host,
        folder=folder,
        user=_told(os.environ, "id", "-un").strip(),
        cpus=cpus,
        memory=memory,
        gpus=GPUS,
        controller_port=controller_port,
        node_port=node_port,
    )
    (folder / "slurm.conf").write_text(text)
    return folder / "slurm.conf"


def _commands(folder: Path, configuration: Path) -> Path:
    """Return a folder with an srun of this SLURM: inside a job Snakemake's plugin strips SLURM_CONF
    from the environment."""
    commands = folder / "bin"
    commands.mkdir()
    script = commands / "srun"
    script.write_text(f'#!/bin/sh\nSLURM_CONF={configuration} exec {shutil.which("srun", path=SEARCH)} "$@"\n')
    script.chmod(0o755)
    return commands


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _told(environment: dict[str, str], *command: str) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True).stdout


def _wait_for(
    what: str, folder: Path, daemons: list[subprocess.Popen], ready: Callable[[], bool], seconds: float = 600
) -> None:
    end = time.monotonic() + seconds
    while not ready():
        ended = any(daemon.poll() is not None for daemon in daemons)
        if ended or time.monotonic() > end:
            logs = "\n".join(
                f"{log.name}: {log.read_text()[-1500:]}" for log in [*folder.glob("*.out"), *folder.glob("*.log")]
            )
            raise RuntimeError(f"no {what} after {seconds:.0f} s or a daemon ended\n{logs}")
        time.sleep(0.1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="slurm-") as name, one_machine(Path(name)) as environment:
        print(f"export SLURM_CONF={environment['SLURM_CONF']}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
