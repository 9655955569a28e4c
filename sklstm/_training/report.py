"""What `verbose` prints of a training: losses, how long they took, how long it is."""

from time import perf_counter

# Lines within an epoch: the most of them, and seconds between two at least.
MOST_LINES = 10
BETWEEN = 1.0


def in_words(seconds):
    """A time as it is read: 0.0012 s, 1.2 s, 12 s, 1 min 56 s, 3 h 5 min."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    hours, left = divmod(round(seconds / 60), 60)
    return f"{hours} h {left} min"


class Report:
    """Prints the epochs of a training as MLPClassifier does, with times behind.

    `verbose` is 1 or True for a line an epoch, 2 or more also for lines within. `clock`
    gives seconds.
    """

    def __init__(self, verbose, clock=perf_counter):
        self.verbose = verbose
        self.clock = clock
        self.last = None  # number of the last epoch that may come

    @property
    def looks_inside(self):
        return self.verbose >= 2

    def begin(self, n_before, n_epochs):
        """Before the first epoch of so many."""
        self.n_before, self.last = n_before, n_before + n_epochs
        self.began = self.epoch_began = self.printed = self.clock()
        self.n_lines = 0

    def within_epoch(self, iteration, seen, total, loss):
        """After `seen` of `total` steps of an epoch, whose mean loss so far this is."""
        n_lines, now = seen * MOST_LINES // total, self.clock()
        if not self.n_lines < n_lines < MOST_LINES or now - self.printed < BETWEEN:
            return
        self.n_lines, self.printed = n_lines, now
        took = now - self.epoch_began
        left = took * (total / seen - 1)
        self.say(
            f"Iteration {iteration} at {100 * seen // total} %, loss = {loss:.8f} so "
            f"far ({in_words(took)}, {in_words(left)} to its end)"
        )

    def epoch(self, iteration, loss, score=None):
        """After an epoch with its mean loss and, where there is one, its score."""
        if not self.verbose:
            return
        self.say(f"Iteration {iteration}, loss = {loss:.8f}{self._times(iteration)}")
        if score is not None:
            self.say(f"Validation score: {score:f}")

    def _times(self, iteration):
        """How long the epoch took, and how long it is to the last one."""
        if self.last is None:
            return ""
        now, self.n_lines = self.clock(), 0
        took, self.epoch_began, self.printed = now - self.epoch_began, now, now
        times = in_words(took)
        if iteration < self.last:
            each = (now - self.began) / (iteration - self.n_before)
            left = in_words(each * (self.last - iteration))
            times += f", {left} to iteration {self.last}"
        return f" ({times})"

    def say(self, line):
        if self.verbose:
            print(line, flush=True)
