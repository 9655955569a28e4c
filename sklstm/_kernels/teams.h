/* Teams: threads that share a strip.

   A minibatch of 32 sequences in strips of 8 keeps four threads busy. With more of them
   a strip has a team: each member computes its own blocks of units at every step, for
   all rows. So it reads its own part of the weights only, which stays in the caches of
   its core over all steps. What the members need of each other, the state h of all
   units, is there after one meeting at the end of each step.

   An element is computed by one member as one thread would have computed it: a team
   changes no bit. */
#ifndef SKLSTM_TEAMS_H
#define SKLSTM_TEAMS_H

#include "vectors.h"

#if defined(_WIN32)
static void give_way(void) {} /* threads come with OpenMP, which is not used there */
#else
#include <sched.h>
static void give_way(void) { sched_yield(); }
#endif

#define CACHE_LINE 64
#define MOST_TEAMS 256
/* Looks at the counter before a waiting member gives its core away: some ten
   microseconds, longer than members of a team that all have a core are apart. */
#define SPINS 400

/* What all members write to and what they wait at are on lines of their own. */
typedef struct {
    size_t arrived;
    char apart[CACHE_LINE - sizeof(size_t)];
    size_t meetings;
    ptrdiff_t job;
    char behind[CACHE_LINE - sizeof(size_t) - sizeof(ptrdiff_t)];
} team_type;

/* All teams, and the jobs (strips) they take one after the other. */
typedef struct {
    int n_teams;
    size_t next_job;
    team_type teams[MOST_TEAMS];
} teams_type;

typedef struct {
    team_type *team;
    int number; /* of the team */
    int place;  /* in the team */
    int size;   /* of the team */
    size_t meetings;
} member_type;

static void form_teams(teams_type *all, int n_teams)
{
    all->n_teams = n_teams < MOST_TEAMS ? n_teams : MOST_TEAMS;
    all->next_job = 0;
    memset(all->teams, 0, all->n_teams * sizeof(team_type));
}

/* Team k of K has the threads k n / K to (k + 1) n / K of n. */
static member_type join_team(teams_type *all, int thread, int n_threads)
{
    const int n_teams = all->n_teams < n_threads ? all->n_teams : n_threads;
    const int number = ((thread + 1) * n_teams - 1) / n_threads;
    const int first = number * n_threads / n_teams;
    const int last = (number + 1) * n_threads / n_teams;
    member_type me = {all->teams + number, number, thread - first, last - first, 0};
    return me;
}

INLINE void wait_a_little(void)
{
#if defined(__SSE2__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/* Return when all members of the team are here; what they wrote before can be read. */
INLINE void meet(member_type *me)
{
    if (me->size == 1) return;
    team_type *team = me->team;
    const size_t meeting = ++me->meetings;
    if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == meeting * me->size)
        __atomic_store_n(&team->meetings, meeting, __ATOMIC_RELEASE);
    else
        for (int n = 0; __atomic_load_n(&team->meetings, __ATOMIC_ACQUIRE) < meeting; n++)
            if (n < SPINS)
                wait_a_little();
            else
                give_way();
}

/* The next job of the team, the same for all its members, who meet once or more during
   each. */
static ptrdiff_t next_job(teams_type *all, member_type *me)
{
    if (me->size == 1) return __atomic_fetch_add(&all->next_job, 1, __ATOMIC_RELAXED);
    if (me->place == 0)
        me->team->job = __atomic_fetch_add(&all->next_job, 1, __ATOMIC_RELAXED);
    meet(me);
    return me->team->job;
}

/* Of so many blocks of LANES numbers, a member's own: in whole cache lines. */
static void own_blocks(
    const member_type *me, ptrdiff_t blocks, ptrdiff_t *begin, ptrdiff_t *end)
{
    const ptrdiff_t a_line = CACHE_LINE > VECTOR_BYTES ? CACHE_LINE / VECTOR_BYTES : 1;
    const ptrdiff_t lines = (blocks + a_line - 1) / a_line;
    const ptrdiff_t last = (me->place + 1) * lines / me->size * a_line;
    *begin = me->place * lines / me->size * a_line;
    *end = last < blocks ? last : blocks;
}

#endif
