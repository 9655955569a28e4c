"""The first figures of docs/performance: an epoch beside PyTorch, Keras and an H100.

    python benchmarks/headline.py

Nothing is measured: the figures are read from the tables of two machines, drawn, and
printed as the tables of docs/performance/README.md. No ratio is of two machines.
"""

import re
from typing import NamedTuple

from _machine import FIGURES
from _workers import print_table

ZEN5 = FIGURES / "zen5-2-cores" / "speed.md"
ZEN4 = FIGURES / "zen4-2-cores" / "speed.md"
INTEL = FIGURES / "emerald-rapids-16-cores" / "README.md"  # and the card
UNITS = (16, 32, 64, 128)
TO = "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}"  # a range stays in one line


class Epoch(NamedTuple):
    """What an epoch of one network takes: texts as they stand in the tables."""

    steps: str
    features: str
    units: str
    batch: str
    sklstm: str
    peers: dict[str, tuple[str, str]]  # milliseconds, and their ratio to sklstm


# ---- from the tables of the machines -----------------------------------------------


def rows(path, heading):
    """The first table under a heading: a dict for each row."""
    _, _, text = path.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    lines = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)[0].splitlines()
    head, _, *body = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines
    )
    return [dict(zip(head, cells, strict=True)) for cells in body]


def of_two_threads(heading, peer):
    """By work: milliseconds of sklstm, of the peer, and their ratio."""
    return {
        row["work"]: (
            row["sklstm ms"].split()[0],
            row["peer ms"].split()[0],
            row["peer ÷ sklstm"],
        )
        for row in rows(ZEN5, heading)
        if row["threads"] == "2" and row["peer"] == peer
    }


def on_cpu():
    """Epochs on two cores, of equal and of unequal length."""
    equal = of_two_threads("fit", "PyTorch")
    unequal = of_two_threads("ragged", "PyTorch")
    keras = of_two_threads("keras", "Keras on JAX")
    for table, lengths in (equal, "{}"), (unequal, "10 to {}"):
        for work, (ours, theirs, ratio) in table.items():
            T, F, H, B = work.split(", ")
            if int(H) not in UNITS:
                continue
            peers = {"PyTorch": (theirs, ratio)}
            if table is equal:
                peers["Keras"] = keras[f"{work}: one epoch"][1:]
            yield Epoch(lengths.format(T), F, H, B, ours, peers)


def on_gpu():
    """Epochs on two cores and on the card in the same machine."""
    for row in rows(INTEL, "One H100"):
        T, F, H, B = row["T, F, H, batch"].split(", ")
        ours, card = row["two cores"], row["H100"]
        ratio = " to ".join(f"{ms / float(ours):.2g}" for ms in numbers(card))
        yield Epoch(T, F, H, B, ours, {"H100": (card, ratio)})


def numbers(text):
    """Of "111 to 135" both."""
    return [float(number) for number in text.split(" to ")]


def ratios():
    """PyTorch ÷ sklstm by work: on one and on two threads of three machines."""
    zen5, zen4 = (
        {
            (row["work"], row["threads"]): row["peer ÷ sklstm"]
            for row in rows(path, "fit")
            if row["peer"] == "PyTorch"
        }
        for path in (ZEN5, ZEN4)
    )
    intel = {
        (row["T, F, H, batch"], threads): row[column]
        for row in rows(INTEL, "Threads")
        for threads, column in (("1", "1 thread"), ("2", "2"))
    }
    for work in dict.fromkeys(work for work, _ in zen4):
        machines = zen5, intel, zen4
        yield work, [a.get((work, n), "–") for a in machines for n in "12"]


# ---- as tables and charts ----------------------------------------------------------


def tables():
    """The three tables: rows of texts, the head first."""
    shape = ["steps", "features", "batch"]
    peers = ["PyTorch", "ratio", "Keras", "ratio"]
    cpu = [["units", "sklstm", *peers, *shape]]
    for epoch in on_cpu():
        keras = epoch.peers.get("Keras", ("–", "–"))
        cpu.append(_row(epoch, *epoch.peers["PyTorch"], *keras))
    gpu = [["units", "sklstm", "PyTorch, H100", "ratio", *shape]]
    gpu += [_row(epoch, *epoch.peers["H100"]) for epoch in on_gpu()]
    machines = "Zen 5", "Emerald Rapids", "Zen 4"
    heads = [text for name in machines for text in (f"{name}, 1 thread", "2")]
    three = [["units", *heads, *shape]]
    for work, values in ratios():
        T, F, H, B = work.split(", ")
        three.append([H, *values, T, F, B])
    return tuple(
        [[cell.replace(" to ", TO) for cell in row] for row in table]
        for table in (cpu, gpu, three)
    )


def _row(epoch, *peers):
    return [
        epoch.units, epoch.sklstm, *peers, epoch.steps, epoch.features, epoch.batch
    ]  # fmt: skip


def chart(path, title, caption, epochs):
    """Milliseconds of each network as points of a row, those of peers beside ours."""
    from _plots import Plots

    equal = [epoch for epoch in epochs if "to" not in epoch.steps]
    unequal = [epoch for epoch in epochs if "to" in epoch.steps]
    plots = Plots(2, 1, caption, title, width=3.7, height=1.8)
    texts = "Equal length", "Unequal length, 10 to 100 steps"
    for panel, part, text in zip(plots.axes, (equal, unequal), texts, strict=True):
        for epoch in part:
            panel.row(
                f"{epoch.units} units",
                {
                    "sklstm": numbers(epoch.sklstm),
                    **{peer: numbers(ms) for peer, (ms, _) in epoch.peers.items()},
                },
            )
        panel.finish_rows(
            text,
            "ms for an epoch; to the left is faster",
            (2, 1400),
            legend=part is equal,
        )
    plots.save(path)


def main():
    for table in tables():
        print_table(table[0], table[1:])
    chart(
        FIGURES / "epochs_cpu.svg",
        "On two cores of an AMD EPYC (Zen 5)",
        "LSTM, 1000 sequences, float32, two threads.\n"
        "PyTorch 2.13, packed sequences where lengths differ;\n"
        "Keras 3.15 on JAX, a steady epoch. 2026-11-21.",
        list(on_cpu()),
    )
    chart(
        FIGURES / "epochs_gpu.svg",
        "On an H100, and on two CPU cores beside it",
        "LSTM, 1000 or 1024 sequences, 512 of unequal length,\n"
        "float32. PyTorch 2.11, data on the card; the cores are\n"
        "Intel Emerald Rapids. November 2026.",
        list(on_gpu()),
    )


if __name__ == "__main__":
    main()
