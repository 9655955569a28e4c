"""Figures of time or memory, against what grows or beside others: SVG, text as text.

matplotlib is imported late: a process that is started inherits the peak memory of the
one that starts it.
"""

import sys

LABELS = {"sklstm": "sklstm", "torch": "PyTorch"}
STYLES = {
    "sklstm": {"color": "C0", "marker": "o"},
    "epoch": {
        "color": "C0",
        "marker": "",
        "linestyle": ":",
        "label": "sklstm, without the set-up",
    },
    "torch": {"color": "C1", "marker": "s", "linestyle": "--", "label": "PyTorch"},
    "PyTorch": {"color": "C1", "marker": "s"},
    "Keras": {"color": "C2", "marker": "^"},
    "H100": {"color": "C3", "marker": "D", "label": "PyTorch, H100"},
    "data": {"color": "0.5", "marker": "", "linestyle": ":", "label": "the data"},
}


class Plots:
    """A figure of equal panels, with the machine under them."""

    def __init__(self, rows, columns, caption, title, width=4.5, height=3.4):
        import matplotlib

        matplotlib.use("agg")
        matplotlib.rcParams["svg.hashsalt"] = "sklstm"
        matplotlib.rcParams["svg.fonttype"] = "none"  # text as text: small files
        import matplotlib.pyplot as plt

        self.figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(width * columns, height * rows + 0.7),
            squeeze=False,
            layout="constrained",
        )
        self.axes = [Panel(a) for a in axes.flat]
        self.figure.suptitle(title, fontsize=10)
        self.figure.supxlabel(caption, fontsize=7, color="0.3")

    def save(self, path):
        import matplotlib.pyplot as plt

        self.figure.savefig(path, metadata={"Date": None})
        plt.close(self.figure)
        progress(f"{path}: {path.stat().st_size / 1000:.0f} kB")


class Panel:
    """One pair of logarithmic axes."""

    def __init__(self, axes):
        self.axes = axes
        self.rows = []  # their names, from top to bottom

    def line(self, values, name, **style):
        style = {"label": name, "markersize": 4, **STYLES[name], **style}
        self.axes.plot(list(values), list(values.values()), **style)

    def row(self, name, values):
        """A row of points, each with its value; two values are the ends of a range."""
        y = len(self.rows)
        self.rows.append(name)
        everything = sum(values.values(), [])
        span = [min(everything), max(everything)]
        self.axes.plot(span, [y, y], color="0.85", linewidth=1.5, zorder=1)
        middles = []
        for key, ends in values.items():
            style = {"label": key, "markersize": 6, **STYLES[key], "linestyle": ""}
            if y:
                del style["label"]  # once in the legend
            self.axes.plot(ends, [y] * len(ends), **style)
            middle = (ends[0] * ends[-1]) ** 0.5
            near = [other for other in middles if 1 / 1.6 < middle / other < 1.6]
            middles.append(middle)
            # above the point, or beside it where there is a number already
            place, offset, side = middle, (0, 6), "center"
            if near and middle > near[0]:
                place, offset, side = ends[-1], (6, -2.5), "left"
            elif near:
                place, offset, side = ends[0], (-4, -9), "right"
            self.axes.annotate(
                " to ".join(f"{value:.3g}" for value in ends),
                (place, y), offset, textcoords="offset points",
                ha=side, fontsize=7, color=style["color"],
            )  # fmt: skip

    def finish_rows(self, title, x_label, limits, *, legend):
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        axes = self.axes
        axes.set_xscale("log")
        axes.set_xlim(*limits)
        axes.set_ylim(len(self.rows) - 0.5, -0.75)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.12g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(self.rows)), self.rows)
        axes.tick_params(labelsize=8)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "left", "right"]].set_visible(False)
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlabel(x_label, fontsize=8)
        axes.grid(axis="x", alpha=0.3)
        if legend:
            axes.legend(
                fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=3,
                frameon=False, borderaxespad=0.1, handletextpad=0, columnspacing=1,
            )  # fmt: skip

    def hide(self):
        """Leave the place of this panel empty."""
        self.axes.set_visible(False)

    def finish(self, title, x_label, y_label, ticks=None):
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        axes = self.axes
        axes.set_xscale("log")
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        if high < 30 * low:  # a flat line should look flat
            middle = (low * high) ** 0.5
            axes.set_ylim(middle / 5.5, middle * 5.5)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(StrMethodFormatter("{x:,.12g}"))
            axis.set_minor_formatter(NullFormatter())
        if ticks is not None:
            axes.set_xticks(ticks)
        axes.tick_params(labelsize=8)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(x_label, fontsize=8)
        axes.set_ylabel(y_label, fontsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)


def progress(text):
    print(text, file=sys.stderr, flush=True)
