/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A table that is unlinked while its place is used again, with a paging-structure cache between.
 *
 * Two callers map and unmap a page each, at two addresses below one parent entry. Who takes away the
 * last page unlinks the table under the lock, lets go of it, invalidates, and gives the table back.
 * Meanwhile the other one may link a new table in its place: hardware may still know the old one, so
 * as long as an unlinked table is not invalidated, who maps has to invalidate as well.
 *
 * Hardware may cache the parent entry and translations at any moment.
 *
 * A device never reaches a page whose unmap has returned, never a table that was given back, and
 * always a page whose map has returned.
 *
 *   -DNO_OUTRUN    broken: who maps does not look at tables that are still to be invalidated
 *   -DLEAF_ONLY    broken: unlinking invalidates translations only
 *   -DEARLY_FREE   broken: the table goes back before the invalidation
 *   -DNO_FLUSH     broken: an unmap that leaves the table alone does not invalidate
 */
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define TABLES 4 /* 1 to 3; 0: not present */

byte parent = 0;
byte used = 0;           /* leaves in the table that is linked */
bool leaf[8];            /* by table * 2 + address */
bool table_free[TABLES] = true;
byte unlinking = 0;

byte walk_cache = 0;     /* the table that hardware knows, 0: none */
bool tlb[2];             /* translations that hardware knows */

bool mapped[2];          /* the map has returned, no unmap has begun */
bool gone[2];            /* the unmap has returned, no map has begun */
bool locked = false;
byte finished = 0;

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline take_table(t)
{
    if
    :: table_free[1] -> t = 1
    :: table_free[2] -> t = 2
    :: table_free[3] -> t = 3
    fi;
    table_free[t] = false;
    leaf[t * 2] = false;
    leaf[t * 2 + 1] = false
}

active [2] proctype caller()
{
    byte old, fresh, round;
    bool must_flush;

    for (round : 1 .. ROUNDS) {
        gone[_pid] = false;
        lock();
        if
        :: parent == 0 ->
            d_step { take_table(fresh) };
            parent = fresh
        :: else
        fi;
        leaf[parent * 2 + _pid] = true;
        used++;
#ifdef NO_OUTRUN
        must_flush = false;
#else
        must_flush = unlinking != 0;
#endif
        unlock();
        if
        :: must_flush -> d_step { walk_cache = 0; tlb[_pid] = false }
        :: else
        fi;
        mapped[_pid] = true;

        skip; /* the device works */

        mapped[_pid] = false;
        lock();
        leaf[parent * 2 + _pid] = false;
        used--;
        old = 0;
        if
        :: used == 0 ->
            old = parent;
            parent = 0;
            unlinking++
        :: else
        fi;
        unlock();
#ifdef EARLY_FREE
        table_free[old] = old != 0;
#endif
#ifndef NO_FLUSH
        tlb[_pid] = false;
#endif
        if
        :: old != 0 ->
#ifdef LEAF_ONLY
            tlb[_pid] = false;
#else
            d_step { walk_cache = 0; tlb[_pid] = false };
#endif
            lock();
            unlinking--;
            unlock();
            table_free[old] = true
        :: else
        fi;
        gone[_pid] = true
    }
    finished++
}

/* One access as a whole: an invalidation waits for walks that are under way. */
active proctype device()
{
    byte address, table;
    bool reached;

end:
    do
    :: finished < 2 -> atomic {
        if
        :: address = 0
        :: address = 1
        fi;
        reached = tlb[address];
        if
        :: !reached ->
            table = (walk_cache != 0 -> walk_cache : parent);
            if
            :: table != 0 ->
                assert(!table_free[table]);
                if
                :: walk_cache = table
                :: skip
                fi;
                reached = leaf[table * 2 + address]
            :: else
            fi
        :: else
        fi;
        if
        :: reached -> assert(!gone[address])
        :: else -> assert(!mapped[address])
        fi;
        if
        :: reached -> tlb[address] = true
        :: true
        fi;
        reached = false; table = 0; address = 0 }
    :: finished == 2 -> break
    od
}
