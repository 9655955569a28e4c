"""A pause of Dask's active memory management, on the scheduler, while fits run there.

It belongs to the clients of the fits: when the last of them has ended, or its client is
gone, memory management goes on.
"""

from distributed.diagnostics.plugin import SchedulerPlugin


class Pause(SchedulerPlugin):
    """The fits for which memory management stands still."""

    name = "sklstm-pause"

    def __init__(self):
        self.fits = []  # by their clients

    def keep(self, scheduler, fits):
        """Let memory management go on if these are none."""
        self.fits = fits
        if not fits:
            scheduler.remove_plugin(self.name)
            scheduler.extensions["amm"].start()

    def remove_client(self, scheduler, client):
        self.keep(scheduler, [fit for fit in self.fits if fit != client])


def begin_pause(client, dask_scheduler):
    """For a fit of this client; False where memory management does not run anyhow."""
    amm = dask_scheduler.extensions["amm"]
    pause = dask_scheduler.plugins.get(Pause.name)
    if pause is None:
        if not amm.running:
            return False
        amm.stop()
        pause = Pause()
        dask_scheduler.add_plugin(pause)
    pause.fits.append(client)
    return True


def end_pause(client, dask_scheduler):
    """For a fit that had begun it."""
    pause = dask_scheduler.plugins.get(Pause.name)
    if pause is not None and client in pause.fits:
        fits = list(pause.fits)
        fits.remove(client)
        pause.keep(dask_scheduler, fits)
