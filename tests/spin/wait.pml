/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits that callers share.
 *
 * A caller puts its request into the queue under the lock. With no wait in flight it puts one behind
 * it. With one in flight it puts none: that wait was put before the request and says nothing about
 * it. The first who sees the wait in flight complete puts the next one, which covers all requests
 * that have come meanwhile.
 *
 * Hardware works in order. Once in a run it may abort [VTD 6.5.2]: of what it has fetched, requests
 * are carried out and waits are lost, and it stands still until somebody has seen the error and put
 * a global invalidation and a wait with a new number.
 *
 * Safety: a caller returns only after its request has been carried out. Liveness: nobody waits for
 * ever, if hardware goes on. With TIMEOUTS a caller may give up at any moment; its request stays.
 *
 *   -DJOIN_FLIGHT   broken: a request counts on the wait in flight
 *   -DNO_COMMIT     broken: nobody puts the wait that the others count on
 *   -DNO_REPAIR     broken: an abort is not repaired
 *   -DNO_NEW_WAIT   broken: the repair puts no wait
 */
#ifndef CALLERS
#define CALLERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define SLOTS 12

#define REQUEST 1
#define WAIT    2
#define GLOBAL  3

chan queue = [SLOTS] of { byte, byte };
byte issued = 0;  /* the last wait that was put */
byte written = 0; /* the status word */
bool locked = false;
bool error = false;
bool may_abort = true;
bool executed[CALLERS];
bool waiting[CALLERS];
byte finished = 0;

inline lock() { atomic { !locked -> locked = true } }
inline unlock() { locked = false }

inline put_wait()
{
    issued++;
    queue ! WAIT, issued
}

inline repair()
{
    lock();
    if
    :: error ->
        error = false;
        atomic {
            queue ! GLOBAL, 0;
#ifndef NO_NEW_WAIT
            put_wait()
#endif
        }
    :: else
    fi;
    unlock()
}

active [CALLERS] proctype caller()
{
    byte ticket, round;
    bool in_flight;

    for (round : 1 .. ROUNDS) {
        lock();
        in_flight = written != issued;
        /* Hardware sees both at once: the tail is written once. */
        atomic {
            executed[_pid] = false;
            queue ! REQUEST, _pid;
            if
            :: !in_flight ->
                put_wait();
                ticket = issued
            :: else ->
#ifdef JOIN_FLIGHT
                ticket = issued
#else
                ticket = issued + 1
#endif
            fi
        };
        waiting[_pid] = true;
        unlock();

        do
        :: written >= ticket ->
            assert(executed[_pid]);
            break
#ifndef NO_COMMIT
        :: written >= ticket - 1 && issued < ticket ->
            lock();
            if
            :: issued < ticket -> put_wait()
            :: else
            fi;
            unlock()
#endif
#ifndef NO_REPAIR
        :: error -> repair()
#endif
#ifdef TIMEOUTS
        :: break
#endif
        od;
        waiting[_pid] = false
    }
    finished++
}

active proctype hardware()
{
    byte kind, value, i;

end:
    do
    :: atomic { !error && nempty(queue) -> queue ? kind, value;
        if
        :: kind == REQUEST -> executed[value] = true
        :: kind == WAIT -> written = value
        :: kind == GLOBAL ->
            for (i : 0 .. CALLERS - 1) { executed[i] = true }
        fi }
    :: atomic { !error && may_abort && nempty(queue) ->
        may_abort = false;
        do
        :: nempty(queue) ->
            queue ? kind, value;
            if
            :: kind == REQUEST -> executed[value] = true
            :: else
            fi
        :: break
        od;
        error = true }
    od
}

/* A request that has been put is waited for; nobody waits for ever. */
ltl nobody_waits_for_ever { [] ((waiting[0] -> <> !waiting[0]) && (waiting[1] -> <> !waiting[1])) }
