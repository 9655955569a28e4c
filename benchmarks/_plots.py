"""Figures of time or memory against what grows: SVG, with text as text.

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
    "data": {"color": "0.5", "marker": "", "linestyle": ":", "label": "the data"},
}


class Plots:
    """A figure of equal panels, with the machine under them."""

    def __init__(self, rows, columns, caption, title):
        import matplotlib

        matplotlib.use("agg")
        matplotlib.rcParams["svg.hashsalt"] = "sklstm"
        matplotlib.rcParams["svg.fonttype"] = "none"  # text as text: small files
        import matplotlib.pyplot as plt

        self.figure, axes = plt.subplots(
            rows,
            columns,
            figsize=(4.5 * columns, 3.4 * rows + 0.7),
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

    def line(self, values, name, **style):
        style = {"label": name, "markersize": 4, **STYLES[name], **style}
        self.axes.plot(list(values), list(values.values()), **style)

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
