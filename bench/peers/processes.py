"""Runs a program and reads what it prints. Needs nothing but Python."""

import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parent.parent
LIMIT_S = 1200  # of one turn; torch.compile can take minutes


class Failed(Exception):
    """A side could not be measured; the text says why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def output_of(command, env=None, cpus=None):
    """What the command prints, run on these CPUs only. Fails with its last words."""
    confine = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    try:
        done = subprocess.run(
            list(map(str, command)),
            env={**os.environ, **(env or {})},
            preexec_fn=confine,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    except OSError as error:
        raise Failed(str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"more than {LIMIT_S} s") from error
    if done.returncode != 0:
        words = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in words if re.match(r"error|[\w.]*(Error|Exception)\b", line)]
        raise Failed((errors + words[-1:] or [f"exit code {done.returncode}"])[0])
    return done.stdout


def last_line(command, env=None, cpus=None):
    """What one of the scripts has to say, which it says last."""
    return json.loads(output_of(command, env, cpus).splitlines()[-1])
