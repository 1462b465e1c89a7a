"""Which CPUs a side may use. Needs nothing but Python."""

import os


def chosen(threads):
    """As many CPUs as there are threads, each of another core while there are cores; None where nobody can say."""
    if not hasattr(os, "sched_getaffinity"):
        return None

    def is_second_of_its_core(cpu):
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
                return int(file.read().replace("-", ",").split(",")[0]) != cpu
        except OSError:
            return False

    return sorted(sorted(os.sched_getaffinity(0)), key=is_second_of_its_core)[:threads]


def pin(threads):
    """Keeps this process to them: what counts CPUs for itself, as JAX does, counts these."""
    if cpus := chosen(threads):
        os.sched_setaffinity(0, cpus)
