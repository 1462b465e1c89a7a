"""What is compared, where, and next to what: the peers installed, Kelvin built, the machine's facts and its load."""

import datetime
import hashlib
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import time
import urllib.request

from processes import HERE, REPO, Failed, output_of, say

CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def nvidia_gpu():
    """Name, memory and driver; nothing without one."""
    try:
        query = "--query-gpu=name,memory.total,driver_version"
        return output_of(["nvidia-smi", query, "--format=csv,noheader"]).strip()
    except Failed:
        return ""


def install():
    """A Python with the peers: as many of them as can be had here."""
    pinned = (HERE / "requirements.txt").read_text()
    gpu = bool(nvidia_gpu())
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    stamp = hashlib.sha256(f"{pinned}{gpu}{sys.version}".encode()).hexdigest()[:12]
    folder = cache / "kelvin" / "peers" / stamp
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    say(f"installing the peers into {folder}, once")
    if subprocess.run([sys.executable, "-m", "venv", folder]).returncode != 0:
        raise Failed(f"{sys.executable} could not make a virtual environment")
    lines = [line for line in pinned.splitlines() if line and not line.startswith("#")]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if gpu:
        lines = [line.replace("jax==", "jax[cuda13]==") for line in lines]
    elif sys.platform == "linux":
        try:
            urllib.request.urlopen(f"{CPU_WHEELS}/torch/", timeout=20).close()
            pip += ["--extra-index-url", CPU_WHEELS]
        except OSError:
            say("note: PyTorch's own index is out of reach; PyPI's torch brings gigabytes of CUDA that nothing needs")
    if subprocess.run([*pip, *lines]).returncode != 0:
        say("note: they cannot all be had together; one by one")
        missing = [line for line in lines if subprocess.run([*pip, line]).returncode != 0]
        if missing:
            # Not complete, so that the next run tries again.
            say(f"note: not to be had here: {', '.join(missing)}")
            return python
    (folder / "complete").touch()
    return python


def built():
    """Kelvin's executable, up to date, and the ROMs in place."""
    if subprocess.run([REPO / "kelvin", "roms"], stdout=subprocess.DEVNULL).returncode != 0:
        raise Failed("./kelvin could not build Kelvin and fetch the ROMs")
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or REPO / "target") / "release" / "kelvin"


VERSIONS = """
import importlib.metadata as m, platform
for line in open({requirements!r}):
    name = line.split("==")[0].strip()
    if name and name[0] != "#":
        try: print(name, m.version(name))
        except m.PackageNotFoundError: print(name, "is not installed")
print("Python", platform.python_version())
"""


def facts(settings):
    """Facts of the report's head, by name."""
    model, memory = platform.processor() or platform.machine(), "unknown"
    try:
        model = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
        memory = f"{int(open('/proc/meminfo').readline().split()[1]) / 2**20:.0f} GiB"
    except (OSError, StopIteration, ValueError):
        pass
    versions = output_of([settings.python, "-c", VERSIONS.format(requirements=str(HERE / "requirements.txt"))])
    kelvin = output_of([settings.kelvin, "--version"]).strip()
    try:
        kelvin += ", commit " + output_of(["git", "-C", REPO, "describe", "--always", "--dirty"]).strip()
    except Failed:
        pass
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "CPU": f"{model}, {os.cpu_count()} CPUs, of which either side uses {settings.threads}",
        "memory": memory,
        "GPU": nvidia_gpu() or "none of NVIDIA's",
        "system": platform.platform(),
        "Kelvin": kelvin,
        "peers": ", ".join(versions.splitlines()),
        "command": shlex.join(["bench/peers/run", *sys.argv[1:]]),
    }


def cpu_seconds():
    """CPU seconds of this machine so far: of all that runs, and of other guests of the same host; None if unknown."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _, _, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
    except (OSError, ValueError):
        return None
    tick = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / tick, steal / tick


class Load:
    """What else used the machine meanwhile."""

    def __init__(self):
        self.began, self.all, self.mine = time.time(), cpu_seconds(), sum(os.times()[:4])

    def __str__(self):
        now = cpu_seconds()
        if not self.all or not now:
            return "unknown"
        capacity = (time.time() - self.began) * os.cpu_count() / 100
        others = now[0] - self.all[0] - (sum(os.times()[:4]) - self.mine)
        stolen = now[1] - self.all[1]
        others, stolen = max(0, others / capacity), stolen / capacity
        return f"other processes {others:.0f} %, the host's other guests {stolen:.0f} % of the CPUs"
