"""The machine that is measured: what it is, and the folder of its figures.

The name of a processor says little ("AMD EPYC") and decides nothing: it stands beside
the figures, with what they depend on. Linux says all of it, other systems the name.
"""

import contextlib
import datetime
import os
import platform
import re
import sys
from functools import cache
from pathlib import Path

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "performance"

# Vendor, family, the first and the last model, and what they are called.
ARCHITECTURES = [
    ("AuthenticAMD", 23, 0x00, 0x2F, "Zen"),
    ("AuthenticAMD", 23, 0x30, 0xFF, "Zen 2"),
    ("AuthenticAMD", 25, 0x00, 0x0F, "Zen 3"),
    ("AuthenticAMD", 25, 0x10, 0x1F, "Zen 4"),
    ("AuthenticAMD", 25, 0x20, 0x5F, "Zen 3"),
    ("AuthenticAMD", 25, 0x60, 0xAF, "Zen 4"),
    ("AuthenticAMD", 26, 0x00, 0xFF, "Zen 5"),
    ("GenuineIntel", 6, 0x55, 0x55, "Skylake"),
    ("GenuineIntel", 6, 0x6A, 0x6C, "Ice Lake"),
    ("GenuineIntel", 6, 0x8F, 0x8F, "Sapphire Rapids"),
    ("GenuineIntel", 6, 0xAD, 0xAE, "Granite Rapids"),
    ("GenuineIntel", 6, 0xCF, 0xCF, "Emerald Rapids"),
]
# Flags of Linux, and what they are called here; those that the kernels may use.
INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX512-BF16",
    "amx_bf16": "AMX-BF16",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "BF16",
}


# ---- what it is --------------------------------------------------------------------


@cache
def _cpuinfo():
    """What Linux says of the first processor, by the names that it has for it."""
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def architecture():
    """What the processor is called among those that know it, or None."""
    info = _cpuinfo()
    try:
        family, model = int(info["cpu family"]), int(info["model"])
    except (KeyError, ValueError):
        return None
    for vendor, its_family, first, last, name in ARCHITECTURES:
        if (vendor, its_family) == (info.get("vendor_id"), family):
            if first <= model <= last:
                return name
    return None


def model_name():
    """The name that the processor gives itself, as far as the system tells."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def processor():
    """The name of the processor, and what it is."""
    name, kind = model_name(), architecture()
    return f"{name} ({kind})" if kind else name


def _usable():
    """Numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count()))


def n_processors():
    """Processors that this process may use: threads of cores, where these have more."""
    return len(_usable())


@cache
def n_cores():
    """Cores that this process may use, one or more processors each."""
    path = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    try:
        return len({Path(path.format(k)).read_text() for k in _usable()})
    except OSError:
        return n_processors()


def caches():
    """Caches of a core for data, with the processors that share them: texts."""
    texts = []
    folder = Path(f"/sys/devices/system/cpu/cpu{_usable()[0]}/cache")
    for index in sorted(folder.glob("index[0-9]*")):
        try:
            kind, level, size, shared = (
                (index / name).read_text().strip()
                for name in ("type", "level", "size", "shared_cpu_list")
            )
        except OSError:
            continue
        if kind == "Instruction":
            continue
        kib = int(size.removesuffix("K"))
        text = f"{kib // 1024} MiB" if kib % 1024 == 0 else f"{kib} KiB"
        users = f" of processors {shared}" if re.search("[-,]", shared) else ""
        texts.append(f"L{level} {text}{users}")
    return texts


def description():
    """The machine in a sentence, and the day."""
    info = _cpuinfo()
    parts = [processor()]
    numbers = [info.get(key) for key in ("vendor_id", "cpu family", "model")]
    if all(numbers):
        parts[0] += " of {}, family {}, model {}".format(*numbers)
    cores = n_cores()
    parts[0] += f"; {cores} core{'s' * (cores > 1)}"
    if n_processors() != cores:
        parts[0] += f", {n_processors()} processors"
    flags = set((info.get("flags") or info.get("Features") or "").split())
    known = [text for flag, text in INSTRUCTIONS.items() if flag in flags]
    parts.append(", ".join(known))
    parts.append(", ".join(caches()))
    parts.append(today())
    return "; ".join(part for part in parts if part)


def today():
    return datetime.date.today().isoformat()


# ---- where its figures go ----------------------------------------------------------


def title():
    """The machine in a heading: what the processor is and how many cores there are."""
    cores = n_cores()
    return f"{architecture() or model_name()}, {cores} core{'s' * (cores > 1)}"


def folder():
    """The folder of this machine's figures: none writes over those of another."""
    name = re.sub(r"\((r|tm)\)|\bcpu\b|@.*?(?=,)", " ", title().lower())
    name = re.sub(r"\bzen (?=\d)", "zen", name)
    return FIGURES / "-".join(re.findall("[a-z0-9]+", name))


def add_output(parser):
    """The option `--output`: a file, or else one of this machine."""
    parser.add_argument(
        "--output", type=Path, nargs="?", const=True, metavar="FILE",
        help=f"write the Markdown to a file as well, by default into {folder()}",
    )  # fmt: skip


class Tee:
    """A stream that writes to several."""

    def __init__(self, *streams):
        self.streams = streams

    def write(self, text):
        for stream in self.streams:
            stream.write(text)

    def flush(self):
        for stream in self.streams:
            stream.flush()


@contextlib.contextmanager
def written_to(output, *names):
    """Write what is printed to a file as well, when all of it is there.

    `output` is what `--output` says. Its own file is named after the names, and those
    of a run that is not the usual one go with it, so that it leaves that one's alone.
    """
    if output is None:
        yield
        return
    path = folder() / f"{'-'.join(names)}.md" if output is True else output
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8") as file:
        with contextlib.redirect_stdout(Tee(sys.stdout, file)):
            yield
    unfinished.replace(path)
    print(f"written to {path}", file=sys.stderr)
