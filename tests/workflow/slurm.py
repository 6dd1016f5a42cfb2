"""A real Slurm of one node on this machine, with two GPUs that are none, while tests run.

Two character devices stand for the GPUs: Slurm hands them out and sets CUDA_VISIBLE_DEVICES as it
would for real ones, and nothing opens them.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

ETC = Path("/etc/slurm")  # steps of jobs find the configuration here only
# This Slurm has no accounting, and the tests no time.
PROFILE = (
    "--workflow-profile",
    "profiles/slurm",
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=1",
    "--seconds-between-status-checks=1",
)
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "scontrol", "squeue")

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/prolog.sh
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=86400
KillWait=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:toy:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE OverSubscribe=FORCE:4 State=UP
"""

GRES = """
AutoDetect=off
NodeName={host} Name=gpu Type=toy File=/dev/zero
NodeName={host} Name=gpu Type=toy File=/dev/full
"""

# What each task of a job sees, one line a task.
PROLOG = """#!/bin/sh
echo "$SLURM_JOB_ID ${{CUDA_VISIBLE_DEVICES-none}}" >>{folder}/seen
"""


def why_not() -> str | None:
    """Say why no Slurm can be started here; None where one can."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"no {', '.join(missing)}: apt-get install slurmctld slurmd slurm-client munge"
    if os.geteuid() != 0:
        return "only root can start Slurm's daemons"
    if (ETC / "slurm.conf").exists():
        return f"this machine has a Slurm of its own ({ETC}/slurm.conf)"
    return None


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


class Slurm:
    """The daemons, and what they know of jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("munge", "state", "spool", "log", "run"):
            (folder / name).mkdir(parents=True)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 1024
        facts = {
            "folder": folder,
            "host": socket.gethostname().split(".")[0],
            "cpus": os.cpu_count(),
            "memory": memory,
            "ports": free_ports(2),
        }
        for name, text in (("slurm.conf", CONF), ("gres.conf", GRES), ("prolog.sh", PROLOG)):
            (folder / name).write_text(text.format(**facts))
        (folder / "prolog.sh").chmod(0o755)
        key = folder / "munge/key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)

    def start(self) -> None:
        ETC.mkdir(exist_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)  # a link to nothing
            (ETC / name).symlink_to(self.folder / name)
        munge = self.folder / "munge"
        files = {"key-file": "key", "socket": "socket", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={munge / name}" for option, name in files.items()]
        # The folders of a test are the user's alone; Slurm's own users are the same one here.
        self._call("munged", "--force", *options, f"--pid-file={self.folder}/run/munged.pid")
        self._call("slurmctld", "-c")
        self._call("slurmd")
        for _ in range(100):
            state = subprocess.run(["sinfo", "-h", "-o", "%t"], capture_output=True, check=False)
            if b"idle" in state.stdout:
                return
            time.sleep(0.1)
        log = (self.folder / "log/slurmctld.log").read_text()
        raise RuntimeError(f"the node did not come up: {log[-2000:]}")

    def stop(self) -> None:
        subprocess.run(["scancel", "--user", "root"], check=False)
        for name in ("slurmd", "slurmctld", "munged"):
            with suppress(FileNotFoundError, ProcessLookupError):
                pid = int((self.folder / f"run/{name}.pid").read_text())
                os.kill(pid, signal.SIGTERM)
                for _ in range(50):
                    time.sleep(0.1)
                    os.kill(pid, 0)
                os.kill(pid, signal.SIGKILL)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)

    def jobs(self) -> list[dict[str, str]]:
        """All jobs so far, in order: rule, state, memory in MB, GPUs and what tasks saw of them."""
        listed = []
        for line in self._call("scontrol", "-o", "show", "jobs").splitlines():
            fields = dict(pair.split("=", 1) for pair in line.split() if "=" in pair)
            tres = dict(pair.split("=") for pair in fields["TRES"].split(","))
            name = re.sub(r"^rule_|_wildcards_.*", "", fields.get("Comment", fields["JobName"]))
            listed.append(
                {
                    "rule": name,
                    "state": fields["JobState"],
                    "memory": tres["mem"],
                    "gpus": fields.get("TresPerJob", "gres:gpu:0").rpartition(":")[2],
                    "seen": self._seen(fields["JobId"]),
                }
            )
        return listed

    def _seen(self, job: str) -> set[str]:
        """CUDA_VISIBLE_DEVICES of a job's tasks; `none` where it is not set."""
        rows = [line.split() for line in (self.folder / "seen").read_text().splitlines()]
        return {row[1] for row in rows if row[0] == job}

    def _call(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout
