"""How many threads a layer gets, and how many teams they form: a rule, not a trial.

It weighs what one thread would take for the work against what threads cost. All that
goes into it is the shape of the work; figures are nanoseconds on one core and need to be
right within a factor of two. More threads than the work fills make it slower, so of
numbers that are nearly as good the smallest is taken, and the cores stay free.
"""
# What it costs to begin and end a parallel region: where threads are awake, and where
# Python has been at work since the last one. After 50 microseconds they sleep, and to wake
# one takes some 30 (measured on two cores of a virtual machine).
AWAKE = 4000
ASLEEP = 20_000

cdef enum:
    # A region of n threads begins and ends in `region` + n REGION_EACH: threads that
    # sleep are woken one by one. Shrinking and growing teams of OpenMP end and make
    # threads, ten times that, so a network has one number for all its layers, or one.
    REGION_EACH = 1000
    # A meeting of a team of q: a line of memory goes through the caches of all of them.
    MEETING = 400
    MEETING_EACH = 50


cdef double nanoseconds_of(
    int n, int n_teams, Py_ssize_t n_strips, Py_ssize_t steps, Py_ssize_t lines,
    double step_ns, double rest_ns, double regions_ns,
) noexcept nogil:
    """What n threads in so many teams would take, in nanoseconds."""
    cdef int size = n // n_teams
    # Strips of unequal length, the longest first, leave less idle than their number says.
    cdef double rounds = min(
        <double>((n_strips + n_teams - 1) // n_teams), n_strips / <double>n_teams + 0.5
    )
    cdef double share = ((lines + size - 1) // size) / <double>lines
    cdef double strip = step_ns / n_strips * share
    if size > 1:
        strip += steps * <double>(MEETING + size * MEETING_EACH)
    strip = strip * rounds + rest_ns / n
    return strip + regions_ns if n > 1 else strip


cdef double best_teams(
    int n, Py_ssize_t n_strips, Py_ssize_t steps, Py_ssize_t lines, double step_ns,
    double rest_ns, double regions_ns, int* n_teams,
) noexcept nogil:
    """What n threads take in the teams that suit them best."""
    cdef int size = 1, some
    cdef double least = -1, time
    while size <= min(<Py_ssize_t>n, lines):
        some = <int>min(<Py_ssize_t>(n // size), n_strips)
        time = nanoseconds_of(
            n, some, n_strips, steps, lines, step_ns, rest_ns, regions_ns
        )
        if least < 0 or time < least:
            least, n_teams[0] = time, some
        size += 1
    return least


def plan_threads(
    int limit,             # most threads
    bint all_or_one,       # whether the number is to be the limit or one
    Py_ssize_t n_strips,
    Py_ssize_t steps,      # of the longest sequence
    Py_ssize_t lines,      # of memory, 64 bytes, that the units of a row take
    double step_ns,        # what one thread takes for all steps of all strips
    double rest_ns=0,      # and for products over all row-steps, which any thread shares
    int regions=1,         # parallel regions
    double region=AWAKE,  # what one costs
):
    """Number of threads, and of teams that they form to share the strips."""
    cdef int n, n_teams = 1, best = 1, best_n_teams = 1
    cdef double time, alone, least
    alone = step_ns + rest_ns
    if limit < 2 or n_strips < 1 or alone <= regions * (region + 2 * REGION_EACH):
        return 1, 1
    least = alone
    n = limit if all_or_one else 2
    while n <= limit:
        time = best_teams(
            n, n_strips, steps, lines, step_ns, rest_ns,
            regions * (region + n * REGION_EACH), &n_teams,
        )
        # Twice the threads have to bring a tenth.
        if time < least * (1 - 0.2 * (n - best) / n):
            least, best, best_n_teams = time, n, n_teams
        n += 1
    return best, best_n_teams
