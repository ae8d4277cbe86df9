"""Processor time of a server with all its processes: a figure that other programs on the machine disturb less."""

import os
from pathlib import Path


def seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants, ended ones included; 0 where there is no /proc."""
    if not Path("/proc/self/stat").exists():
        return 0.0
    ticks = 0
    parents: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
            used[int(entry.name)] = sum(map(int, fields[11:15]))
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        ticks += used.get(each, 0)
        waiting += parents.get(each, [])
    return ticks / os.sysconf("SC_CLK_TCK")
