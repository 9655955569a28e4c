"""Pictures of the gallery: animations as GIF, which browsers play without a script."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.animation import Animation
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper


def scraper(block, block_vars, gallery_conf):
    """What a block of an example has drawn: its animations, then its other figures."""
    pages, figures = "", [plt.figure(number) for number in plt.get_fignums()]
    for movie in list(block_vars["example_globals"].values()):
        if isinstance(movie, Animation) and movie._fig in figures:
            path = Path(next(block_vars["image_path_iterator"])).with_suffix(".gif")
            movie.save(path, writer="pillow")
            plt.close(movie._fig)
            pages += figure_rst([str(path)], gallery_conf["src_dir"], "An animation")
    return pages + matplotlib_scraper(block, block_vars, gallery_conf)
