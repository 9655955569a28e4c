"""What all kernels are built on: the headers, OpenMP, and checks of what comes in."""
from cython.parallel cimport parallel, prange
from libc.string cimport memcpy, memset

from sklstm._kernels._schedule cimport Batch, Schedule

cdef extern from "<vectors.h>" nogil:
    ctypedef float real
    const int LANES "LANES"
    unsigned long long flush_denormals() noexcept
    void restore_denormals(unsigned long long) noexcept

cdef extern from "<operands.h>" nogil:
    ctypedef float operand
    const int ROUNDED, OPERAND_STEP, OPERAND_SLACK, OUTER_ROWS
    const int LEAST_ROWS, PRODUCT_SPEED
    Py_ssize_t operand_width(Py_ssize_t) noexcept
    void round_part(const real*, Py_ssize_t, operand*) noexcept
    void round_row(const real*, Py_ssize_t, operand*) noexcept
    void pack_row(
        const real*, const real*, Py_ssize_t, Py_ssize_t, operand*) noexcept
    void pack_transposed(
        const real*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t,
        operand*) noexcept
    void pack_steps(
        Py_ssize_t, const real*, Py_ssize_t, int, operand*, real*) noexcept
    void transpose_steps(
        Py_ssize_t, const real*, const Py_ssize_t*, Py_ssize_t, Py_ssize_t, operand*,
        Py_ssize_t) noexcept

cdef extern from "<tile.h>" nogil:
    const int PANEL "PANEL"
    void begin_tiles() noexcept
    void end_tiles() noexcept
    void product(
        Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, const operand*,
        const Py_ssize_t*, Py_ssize_t, Py_ssize_t, const operand*, const real*,
        Py_ssize_t, real*) noexcept
    void add_product(
        Py_ssize_t, const operand*, Py_ssize_t, Py_ssize_t, const operand*, int, real*,
        Py_ssize_t) noexcept
    void outer(
        Py_ssize_t, Py_ssize_t, const real*, const Py_ssize_t*, Py_ssize_t, Py_ssize_t,
        const real*, Py_ssize_t, int, real*, Py_ssize_t, real*) noexcept
    void outer_pack(
        Py_ssize_t, const real*, const Py_ssize_t*, Py_ssize_t, Py_ssize_t, int,
        real*) noexcept
    void outer_pack_panel(Py_ssize_t, const real*, Py_ssize_t, int, real*) noexcept

cdef extern from "<teams.h>" nogil:
    ctypedef struct teams_type:
        pass
    ctypedef struct member_type:
        int number, place, size
    void form_teams(teams_type*, int) noexcept
    member_type join_team(teams_type*, int, int) noexcept
    Py_ssize_t next_job(teams_type*, member_type*) noexcept
    void meet(member_type*) noexcept
    void own_blocks(
        const member_type*, Py_ssize_t, Py_ssize_t*, Py_ssize_t*) noexcept

cdef extern from "<cells.h>" nogil:
    ctypedef struct cell_type:
        const char* name
        int gates
        int slots
        int has_c
        int n_own
        int memory
    int N_CELLS
    const cell_type cells[]

cdef extern from "<step.h>" nogil:
    int panel_blocks(int) noexcept
    void forward_step(
        const cell_type*, Py_ssize_t, Py_ssize_t, Py_ssize_t, const operand*,
        const Py_ssize_t*, Py_ssize_t, Py_ssize_t, const operand*, const real*,
        Py_ssize_t, Py_ssize_t, int, const real*, const operand*, const real*, real*,
        real*, real*) noexcept
    void input_part(
        const cell_type*, Py_ssize_t, Py_ssize_t, Py_ssize_t, const operand*,
        const Py_ssize_t*, Py_ssize_t, Py_ssize_t, const operand*, const real*,
        Py_ssize_t, real*) noexcept
    void backward_step(
        const cell_type*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t,
        const operand*, Py_ssize_t, const operand*, Py_ssize_t, Py_ssize_t,
        const real*, const real*, const real*, const Py_ssize_t*, const real*,
        const real*, const real*, real*, real*) noexcept

cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #else
    static int omp_get_thread_num(void) { return 0; }
    static int omp_get_num_threads(void) { return 1; }
    #endif

    /* All threads of the region. */
    static void wait_for_all(void)
    {
    #ifdef _OPENMP
    #pragma omp barrier
    #endif
    }
    """
    int omp_get_thread_num() noexcept nogil
    int omp_get_num_threads() noexcept nogil
    void wait_for_all() noexcept nogil


# Number, gates, slots, has_c, n_own and memory of each cell, by name.
cell_table = {
    cells[i].name.decode(): (
        i, cells[i].gates, cells[i].slots, bool(cells[i].has_c), cells[i].n_own,
        cells[i].memory,
    )
    for i in range(N_CELLS)
}


# What the choice of strips and threads has to know.
least_rows = LEAST_ROWS
product_speed = PRODUCT_SPEED


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline const Py_ssize_t* address(const Py_ssize_t[::1] a) noexcept:
    """The data of an array; an empty one has none to point at."""
    return &a[0] if a.shape[0] else NULL


cdef inline real* data(real[:, ::1] a) noexcept:
    """The data of an array; NULL for None and for an empty one."""
    if a is None or a.shape[0] == 0 or a.shape[1] == 0:
        return NULL
    return &a[0, 0]


cdef inline const real* const_data(const real[:, ::1] a) noexcept:
    if a is None or a.shape[0] == 0 or a.shape[1] == 0:
        return NULL
    return &a[0, 0]


cdef const cell_type* cell_of(int cell) except NULL:
    """Its row in the table of cells."""
    if not 0 <= cell < N_CELLS:
        raise ValueError(f"There is no cell {cell}.")
    return &cells[cell]


cdef int check_shape(
    name, const real[:, ::1] a, Py_ssize_t rows, Py_ssize_t columns
) except -1:
    """Kernels follow pointers: an array of another shape must not reach them."""
    if a is not None and (a.shape[0] != rows or a.shape[1] != columns):
        raise ValueError(
            f"{name} has shape {a.shape[0], a.shape[1]}, the kernel needs "
            f"{rows, columns}."
        )
    return 0


cdef int check_rows(
    name, const Py_ssize_t[::1] rows, Py_ssize_t n, const real[:, ::1] a
) except -1:
    """Kernels follow n indices of rows: all must be there, and all rows of `a`."""
    cdef Py_ssize_t i
    cdef size_t largest = 0
    if rows.shape[0] < n:
        raise ValueError(
            f"{name} and the schedule do not belong together: {rows.shape[0]} rows for "
            f"{n} row-steps."
        )
    for i in range(n):  # what is negative becomes larger than any number of rows
        largest = max(largest, <size_t>rows[i])
    if n and largest >= <size_t>a.shape[0]:
        raise ValueError(f"{name} has rows that are not among the {a.shape[0]} there.")
    return 0
