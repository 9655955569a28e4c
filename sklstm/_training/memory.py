"""How much memory can still be had, and what limits it."""

import os
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None

# Bytes that are taken without asking what can be had, which takes a millisecond.
WITHOUT_A_LOOK = 2**24
# Where version 2 of control groups may be mounted, and the controller of version 1.
GROUPS = ("sys/fs/cgroup", "sys/fs/cgroup/unified")
MEMORY_GROUPS = "sys/fs/cgroup/memory"
# Files of the limit and the usage, and the line of the cache in memory.stat.
FILES = "memory.max", "memory.current", "inactive_file"
MEMORY_FILES = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"


def available_memory(root="/"):
    """Bytes that can still be had and what the limit is, None if the system says none.

    The least of the memory that is free or can be freed, what is left of the limits of
    the control groups that the process is in, and of its own limits. `root` is where
    the files of the system are.
    """
    root = Path(root)
    found = [*_of_machine(root), *_of_groups(root), *_of_process(root)]
    if not found:
        return None
    least, limit = min(found)
    return max(least, 0), limit


def in_units(n_bytes):
    """Bytes in the unit that says most."""
    for unit in ("GiB", "MiB", "KiB"):
        size = n_bytes / {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10}[unit]
        if size >= 1:
            break
    return f"{size:.1f} {unit}"


def _of_machine(root):
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            name, value = line.split(":")
            if name == "MemAvailable":
                yield 1024 * int(value.split()[0]), "memory available on this machine"
                return
    except (OSError, ValueError, IndexError):
        pass
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    if size > 0:
        yield size, "memory of this machine"


def _of_groups(root):
    """Limits of each group that the process is in, and of those around it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mounts, files = GROUPS, FILES
        elif "memory" in controllers.split(","):
            mounts, files = (MEMORY_GROUPS,), MEMORY_FILES
        else:
            continue
        for mount in mounts:
            # In a container the path may be that outside of it, and not be there.
            inside = path.strip("/")
            group = root / mount / inside
            while True:
                left = _left_of_group(group, *files)
                if left is not None:
                    name = "/" + str(group.relative_to(root / mount)).strip(".")
                    yield left, f"memory limit of the control group {name}"
                if group == root / mount:
                    break
                group = group.parent


def _left_of_group(group, limit, usage, cache):
    """Bytes up to the limit of a group, whose cache of files can be dropped."""
    try:
        left = int((group / limit).read_text()) - int((group / usage).read_text())
    except (OSError, ValueError):  # "max" is no limit
        return None
    try:
        lines = (group / "memory.stat").read_text().splitlines()
        return left + int(dict(line.split() for line in lines)[cache])
    except (OSError, ValueError, KeyError):
        return left


def _of_process(root):
    if resource is None:
        return
    try:
        pages = (root / "proc/self/statm").read_text().split()
        used = {"RLIMIT_AS": int(pages[0]), "RLIMIT_DATA": int(pages[5])}
    except (OSError, ValueError, IndexError):
        return
    ulimit = {"RLIMIT_AS": "ulimit -v", "RLIMIT_DATA": "ulimit -d"}
    for name, n_pages in used.items():
        limit, _ = resource.getrlimit(getattr(resource, name))
        if limit != resource.RLIM_INFINITY:
            left = limit - n_pages * resource.getpagesize()
            yield left, f"limit {name} of this process ({ulimit[name]})"
