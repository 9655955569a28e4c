"""Pictures of the gallery: animations as GIF, which browsers play without a script, and
cards, on which a figure is drawn again so that it can be read when it is small."""

import shutil
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib import dates  # which sphinx-gallery loads again for each example
from matplotlib.animation import Animation
from matplotlib.gridspec import GridSpec
from matplotlib.text import Text
from matplotlib.ticker import AutoLocator, MaxNLocator
from matplotlib.transforms import Bbox
from sphinx_gallery.py_source_parser import split_code_and_text_blocks
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

WIDTH, HEIGHT = 3.2, 2.24  # of a card, in inches, 70 pixels each where it is shown
DPI = 200
POINTS = 11  # of letters on a card


def style(gallery_conf, fname):
    """Letters that can be read where a figure is as wide as a phone."""
    plt.rcParams["font.size"] = 11


def scraper(block, block_vars, gallery_conf):
    """What a block of an example has drawn: its animations, then its other figures."""
    pages, figures = "", [plt.figure(number) for number in plt.get_fignums()]
    for movie in list(block_vars["example_globals"].values()):
        if isinstance(movie, Animation) and movie._fig in figures:
            path = Path(next(block_vars["image_path_iterator"])).with_suffix(".gif")
            movie.save(path, writer="pillow")
            plt.close(movie._fig)
            figures.remove(movie._fig)
            pages += figure_rst([str(path)], gallery_conf["src_dir"], "An animation")
    first = len(block_vars["image_path_iterator"]) + 1
    pages += matplotlib_scraper(block, block_vars, gallery_conf)

    chosen, panels = _chosen(block_vars["src_file"])
    if figures and first <= chosen < first + len(figures):
        source = Path(block_vars["src_file"])
        folder = Path(block_vars["target_file"]).parent / "images" / "cards"
        folder.mkdir(parents=True, exist_ok=True)
        _save_card(figures[chosen - first], panels, folder / f"{source.stem}.png")
    return pages


def put_cards(app):
    """Cards in the place of the thumbnails that sphinx-gallery has made."""
    for card in Path(app.srcdir, "auto_examples").glob("*/images/cards/*.png"):
        thumb = card.parents[1] / "thumb" / f"sphx_glr_{card.stem}_thumb.png"
        shutil.copyfile(card, thumb)


def _chosen(src_file):
    """Which picture of an example is on its card, and which panels of it."""
    config = split_code_and_text_blocks(src_file)[0]
    return config.get("thumbnail_number", 1), config.get("thumbnail_panels")


def _save_card(figure, panels, path):
    """Write what there is room for on a card: some of the panels, "all" of a figure, or
    its upper left "corner"."""
    width, height = figure.get_size_inches()
    if panels == "all":
        figure.savefig(path, dpi=DPI * WIDTH / width)
    elif panels == "corner":
        corner = Bbox.from_extents(0, max(0, height - HEIGHT), WIDTH, height)
        figure.savefig(path, dpi=DPI, bbox_inches=corner)
    else:
        _redraw(figure, panels or [0])
        figure.savefig(path, dpi=DPI)


def _redraw(figure, panels):
    """Some panels of a figure, one below the other, with few and large letters."""
    figure.set_size_inches(WIDTH, HEIGHT)
    keep = [figure.axes[k] for k in panels]
    for ax in keep:  # what stands at another panel of the row or the column
        if len(ax.get_shared_y_axes().get_siblings(ax)) > 1:
            ax.tick_params(labelleft=True)
    if len(keep[-1].get_shared_x_axes().get_siblings(keep[-1])) > 1:
        keep[-1].tick_params(labelbottom=True)
    for ax in list(figure.axes):
        if ax not in keep:
            ax.remove()
    for legend in list(figure.legends):
        legend.remove()
    figure.suptitle("")
    grid = GridSpec(len(keep), 1, figure=figure)
    for ax, place in zip(keep, grid, strict=True):
        ax.set_subplotspec(place)
        _simplify(ax, 24 // len(keep))


def _simplify(ax, room):
    """Few letters, at most so many along y."""
    ax.set_title("")
    ax.set_title("", loc="left")
    for axis, most in (ax.xaxis, 30), (ax.yaxis, room):
        locator = axis.get_major_locator()
        if isinstance(locator, AutoLocator):
            axis.set_major_locator(MaxNLocator(4))
        elif isinstance(locator, dates.DateLocator):
            locator = dates.AutoDateLocator(maxticks=4)
            axis.set_major_locator(locator)
            axis.set_major_formatter(dates.ConciseDateFormatter(locator))
            axis.get_offset_text().set_visible(False)
            ax.tick_params(axis=axis.axis_name, rotation=0)
        if len(axis.get_label_text()) > most:
            axis.set_label_text("")
    if ax.images:
        ax.set_aspect("auto")
    legend = ax.get_legend()
    if legend and len(legend.get_texts()) > 3:
        legend.remove()
    for text in ax.findobj(Text):
        text.set_fontsize(POINTS)
    if ax.get_legend():
        for text in ax.get_legend().get_texts():
            text.set_fontsize(POINTS - 2)
    for line in ax.get_lines():
        line.set_linewidth(1.4 * line.get_linewidth())
