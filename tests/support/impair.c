/* SPDX-License-Identifier: Apache-2.0
 *
 * impair.c: a bad line between two network namespaces, for kernels without netem. Two tunnel
 * devices, 10.9.0.1 for the first command and 10.9.0.2 for the second; every packet passes through
 * this process, which limits the rate, holds packets back, drops, overtakes and cuts. TCP uses
 * CUBIC at both ends, where that may be chosen, so that figures mean something elsewhere.
 *
 *     impair [delay=MS] [loss=PERCENT] [reorder=PERCENT] [rate=MBIT] [outage=FROM_S,LEN_S] [seed=N]
 *            [trace=1] FIRST SECOND
 *
 * FIRST and SECOND are for sh -c. Delay, loss and rate are of each direction. When SECOND has
 * ended, FIRST is told to stop; the result is SECOND's, or 77 where there can be no namespaces.
 * With trace, each quarter of a second says what part of the rate either direction used.
 */
#include "base/clock.h"
#include "base/rng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CANNOT       77
#define PACKET_MAX   2048
#define HELD_MAX     8192
#define TRACE_MS     250.0
#define QUEUE_MS_MAX 200.0 /* a packet that would wait longer for its turn is dropped */

typedef struct packet {
    double due_ms;
    size_t len;
    uint8_t bytes[PACKET_MAX];
} packet;

/* One direction. */
typedef struct way {
    int from, to;
    double free_ms;         /* when the line has sent what it took so far */
    packet *held[HELD_MAX]; /* ascending by due_ms */
    size_t count;
    unsigned long passed, dropped;
    double bytes; /* that came out since the last line of the trace */
} way;

static struct {
    double delay_ms, loss, reorder, bytes_per_ms, outage_from_ms, outage_len_ms;
    mv_rand rand;
    double start_ms, traced_ms;
    bool traces;
} line;

static bool read_option(const char *text)
{
    double a = 0, b = 0;
    if (sscanf(text, "delay=%lf", &a) == 1) {
        line.delay_ms = a;
    } else if (sscanf(text, "loss=%lf", &a) == 1) {
        line.loss = a / 100;
    } else if (sscanf(text, "reorder=%lf", &a) == 1) {
        line.reorder = a / 100;
    } else if (sscanf(text, "rate=%lf", &a) == 1) {
        line.bytes_per_ms = a * 125;
    } else if (sscanf(text, "outage=%lf,%lf", &a, &b) == 2) {
        line.outage_from_ms = 1e3 * a;
        line.outage_len_ms = 1e3 * b;
    } else if (sscanf(text, "seed=%lf", &a) == 1) {
        line.rand = mv_rand_make((uint64_t)a);
    } else if (sscanf(text, "trace=%lf", &a) == 1) {
        line.traces = a != 0;
    } else {
        return false;
    }
    return true;
}

/* ---- namespaces and devices ---- */

static void cannot(const char *what)
{
    fprintf(stderr, "SKIPPED: %s: %s\n", what, strerror(errno));
    exit(CANNOT);
}

static void write_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        cannot(path);
    }
    (void)close(fd);
}

/* TCP to the other end uses CUBIC: a route may ask for it where a default may not be set. */
static void prefer_cubic(const char *other)
{
    char command[128];
    (void)snprintf(command, sizeof command, "ip route replace %s dev line congctl cubic", other);
    if (system(command) != 0) {
        fputs("the line: without CUBIC: the host's default is in force\n", stderr);
    }
}

/* Who is not root becomes it in a namespace of users. */
static void become_root(void)
{
    char map[64];
    const unsigned uid = getuid(), gid = getgid();
    if (uid == 0) {
        return;
    }
    if (unshare(CLONE_NEWUSER) != 0) {
        cannot("a user namespace");
    }
    (void)snprintf(map, sizeof map, "0 %u 1", uid);
    write_file("/proc/self/uid_map", map);
    write_file("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof map, "0 %u 1", gid);
    write_file("/proc/self/gid_map", map);
}

static void set_address(int s, unsigned long request, const char *device, const char *address)
{
    struct ifreq r;
    struct sockaddr_in a;
    memset(&r, 0, sizeof r);
    memset(&a, 0, sizeof a);
    (void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", device);
    a.sin_family = AF_INET;
    (void)inet_pton(AF_INET, address, &a.sin_addr);
    memcpy(&r.ifr_addr, &a, sizeof a);
    if (ioctl(s, request, &r) != 0) {
        cannot("the address of a tunnel");
    }
}

static void bring_up(int s, const char *device)
{
    struct ifreq r;
    memset(&r, 0, sizeof r);
    (void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", device);
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &r) != 0) {
        cannot("a device");
    }
}

/* A fresh network namespace with a tunnel of this address; its descriptor. */
static int make_end(const char *address, const char *other)
{
    struct ifreq r;
    if (unshare(CLONE_NEWNET) != 0) {
        cannot("a network namespace");
    }
    const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memset(&r, 0, sizeof r);
    (void)snprintf(r.ifr_name, sizeof r.ifr_name, "line");
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (fd < 0 || s < 0 || ioctl(fd, TUNSETIFF, &r) != 0) {
        cannot("a tunnel device");
    }
    set_address(s, SIOCSIFADDR, "line", address);
    set_address(s, SIOCSIFDSTADDR, "line", other);
    bring_up(s, "line");
    bring_up(s, "lo");
    (void)close(s);
    return fd;
}

static pid_t start(const char *command)
{
    const pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0);
        (void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    (void)setpgid(pid, pid);
    return pid;
}

/* ---- the line ---- */

static bool cut(double now)
{
    const double t = now - line.start_ms;
    return t >= line.outage_from_ms && t < line.outage_from_ms + line.outage_len_ms;
}

static void hold(way *w, packet *p)
{
    size_t i = w->count++;
    while (i > 0 && w->held[i - 1]->due_ms > p->due_ms) {
        w->held[i] = w->held[i - 1];
        i--;
    }
    w->held[i] = p;
}

/* When the packet comes out at the other end; below zero: never. */
static double due(way *w, size_t len, double now)
{
    double leaves = now;
    if (cut(now) || w->count == HELD_MAX || mv_rand_unit(&line.rand) < line.loss) {
        return -1;
    }
    if (line.bytes_per_ms > 0) {
        leaves = (w->free_ms > now ? w->free_ms : now) + (double)len / line.bytes_per_ms;
        if (leaves - now > QUEUE_MS_MAX) {
            return -1;
        }
        w->free_ms = leaves;
    }
    return mv_rand_unit(&line.rand) < line.reorder ? leaves : leaves + line.delay_ms;
}

static void take_in(way *w)
{
    for (;;) {
        packet *p = malloc(sizeof *p);
        const ssize_t len = p == NULL ? -1 : read(w->from, p->bytes, sizeof p->bytes);
        if (len <= 0) {
            free(p);
            return;
        }
        p->len = (size_t)len;
        p->due_ms = due(w, p->len, mv_clock_ms());
        if (p->due_ms < 0) {
            w->dropped++;
            free(p);
        } else {
            hold(w, p);
        }
    }
}

static void let_out(way *w)
{
    const double now = mv_clock_ms();
    size_t out = 0;
    while (out < w->count && w->held[out]->due_ms <= now) {
        w->dropped += write(w->to, w->held[out]->bytes, w->held[out]->len) < 0;
        w->passed++;
        w->bytes += (double)w->held[out]->len;
        free(w->held[out++]);
    }
    memmove(w->held, w->held + out, (w->count - out) * sizeof w->held[0]);
    w->count -= out;
}

static double wait_ms(const way *a, const way *b)
{
    const double now = mv_clock_ms();
    double next = now + 50;
    next = a->count != 0 && a->held[0]->due_ms < next ? a->held[0]->due_ms : next;
    next = b->count != 0 && b->held[0]->due_ms < next ? b->held[0]->due_ms : next;
    return next > now ? next - now : 0;
}

static void trace(way *there, way *back)
{
    const double now = mv_clock_ms(), room = TRACE_MS * line.bytes_per_ms / 100;
    if (line.traces && line.bytes_per_ms > 0 && now - line.traced_ms >= TRACE_MS) {
        fprintf(stderr, "the line: %6.2f s  there %3.0f %%  back %3.0f %%\n",
                (now - line.start_ms) / 1e3, there->bytes / room, back->bytes / room);
        there->bytes = back->bytes = 0;
        line.traced_ms = now;
    }
}

/* Until the second command has ended; its status. */
static int carry(int first_fd, int second_fd, pid_t second)
{
    static way there, back;
    int status = 0;
    there.from = back.to = second_fd;
    there.to = back.from = first_fd;
    line.start_ms = line.traced_ms = mv_clock_ms();
    while (waitpid(second, &status, WNOHANG) == 0) {
        struct pollfd f[2] = {{first_fd, POLLIN, 0}, {second_fd, POLLIN, 0}};
        const double ms = wait_ms(&there, &back);
        const struct timespec t = {0, (long)(ms * 1e6)};
        (void)ppoll(f, 2, &t, NULL);
        take_in(&there);
        take_in(&back);
        let_out(&there);
        let_out(&back);
        trace(&there, &back);
    }
    fprintf(stderr, "the line: %lu packets passed, %lu dropped\n", there.passed + back.passed,
            there.dropped + back.dropped);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    int at = 1;
    line.rand = mv_rand_make(1);
    while (at < argc && read_option(argv[at])) {
        at++;
    }
    if (argc - at != 2) {
        fputs("impair [delay=MS] [loss=PERCENT] [reorder=PERCENT] [rate=MBIT] "
              "[outage=FROM_S,LEN_S] [seed=N] [trace=1] FIRST SECOND\n",
              stderr);
        return 2;
    }
    become_root();
    const int first_fd = make_end("10.9.0.1", "10.9.0.2");
    prefer_cubic("10.9.0.2");
    const pid_t first = start(argv[at]);
    const int second_fd = make_end("10.9.0.2", "10.9.0.1");
    prefer_cubic("10.9.0.1");
    const pid_t second = start(argv[at + 1]);
    const int code = carry(first_fd, second_fd, second);
    (void)kill(-first, SIGTERM);
    (void)waitpid(first, NULL, 0);
    return code;
}
