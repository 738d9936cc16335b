/* SPDX-License-Identifier: Apache-2.0
 *
 * lying_relay.c: the relay of lying_relay.h as a program: DIR (for its key), then the names of its
 * lies. It prints its address, is honest at first, and goes on to the next lie with each SIGUSR1.
 */
#include "lying_relay.h"

#include <poll.h>
#include <signal.h>

static volatile sig_atomic_t next_lie, told_to_stop;

static void on_signal(int number)
{
    next_lie = next_lie || number == SIGUSR1;
    told_to_stop = told_to_stop || number == SIGTERM;
}

static lie lie_of(const char *name)
{
    for (size_t i = 0; i < sizeof lie_names / sizeof lie_names[0]; i++) {
        if (strcmp(name, lie_names[i]) == 0) {
            return (lie)i;
        }
    }
    fprintf(stderr, "lying_relay: no lie is called %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    lying_relay *r = calloc(1, sizeof *r);
    (void)signal(SIGUSR1, on_signal);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 2 || r == NULL || !lying_start(r, argv[1], 0)) {
        fputs("lying_relay: cannot start\n", stderr);
        return 1;
    }
    puts(r->address);
    (void)fflush(stdout);
    for (int at = 2; !told_to_stop;) {
        (void)poll(NULL, 0, 20);
        if (next_lie && at < argc) {
            next_lie = 0;
            (void)pthread_mutex_lock(&r->mutex);
            r->lie = lie_of(argv[at++]);
            (void)pthread_mutex_unlock(&r->mutex);
            puts(lie_names[r->lie]);
            (void)fflush(stdout);
        }
    }
    lying_stop(r);
    lying_free(r);
    free(r);
    return 0;
}
