/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy.h: a bad line: a TCP proxy on loopback that breaks or goes silent after a number of bytes.
 */
#ifndef TEST_SUPPORT_PROXY_H
#define TEST_SUPPORT_PROXY_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROXY_LINES = 64 };

typedef struct proxy proxy;
typedef struct proxy_line {
    proxy *owner;
    int client;
    pthread_t thread;
} proxy_line;

struct proxy {
    int listener;
    uint16_t port, target_port;
    uint64_t limit_up, limit_down; /* bytes of one connection; 0: none */
    bool silent;                   /* at the limit: no more bytes, but the connection stays */
    atomic_ullong up, down;        /* bytes of all connections */
    atomic_bool stop;
    pthread_t thread;
    proxy_line line[PROXY_LINES]; /* further connections are closed at once */
    unsigned lines;
};

static inline int proxy_socket(uint16_t port, bool listens)
{
    struct sockaddr_in a;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listens ? bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 16) != 0
                : connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Moves what is there; false when the connection is over. */
static inline bool proxy_move(const proxy *p, int from, int to, atomic_ullong *all, uint64_t *seen,
                              uint64_t limit)
{
    char block[16384];
    size_t want = sizeof block;
    if (limit != 0 && limit - *seen < want) {
        want = (size_t)(limit - *seen);
    }
    if (want == 0) {
        (void)poll(NULL, 0, 5);
        return p->silent;
    }
    const ssize_t got = recv(from, block, want, 0);
    if (got <= 0) {
        return false;
    }
    for (ssize_t sent = 0; sent < got;) {
        const ssize_t n = send(to, block + sent, (size_t)(got - sent), MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        sent += n;
    }
    *seen += (uint64_t)got;
    (void)atomic_fetch_add(all, (unsigned long long)got);
    return true;
}

static inline void proxy_serve(proxy *p, int client)
{
    const int relay = proxy_socket(p->target_port, false);
    uint64_t up = 0, down = 0;
    bool alive = relay >= 0;
    while (alive && !atomic_load(&p->stop)) {
        struct pollfd f[2] = {{client, POLLIN, 0}, {relay, POLLIN, 0}};
        (void)poll(f, 2, 20);
        if (f[0].revents != 0) {
            alive = proxy_move(p, client, relay, &p->up, &up, p->limit_up);
        }
        if (alive && f[1].revents != 0) {
            alive = proxy_move(p, relay, client, &p->down, &down, p->limit_down);
        }
    }
    if (relay >= 0) {
        (void)close(relay);
    }
    (void)close(client);
}

static inline void *proxy_serve_line(void *user)
{
    const proxy_line *line = user;
    proxy_serve(line->owner, line->client);
    return NULL;
}

static inline void proxy_accept(proxy *p)
{
    const int client = accept(p->listener, NULL, NULL);
    proxy_line *line = &p->line[p->lines < PROXY_LINES ? p->lines : 0];
    if (client >= 0 && p->lines < PROXY_LINES) {
        line->owner = p;
        line->client = client;
        if (pthread_create(&line->thread, NULL, proxy_serve_line, line) == 0) {
            p->lines++;
            return;
        }
    }
    if (client >= 0) {
        (void)close(client);
    }
}

static inline void *proxy_run(void *user)
{
    proxy *p = user;
    while (!atomic_load(&p->stop)) {
        struct pollfd f = {p->listener, POLLIN, 0};
        if (poll(&f, 1, 20) == 1) {
            proxy_accept(p);
        }
    }
    return NULL;
}

/* The other fields are set by the caller first. */
static inline bool proxy_start(proxy *p)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    p->listener = proxy_socket(0, true);
    if (p->listener < 0 || getsockname(p->listener, (struct sockaddr *)&a, &len) != 0) {
        return false;
    }
    p->port = ntohs(a.sin_port);
    return pthread_create(&p->thread, NULL, proxy_run, p) == 0;
}

static inline void proxy_stop(proxy *p)
{
    atomic_store(&p->stop, true);
    (void)pthread_join(p->thread, NULL);
    for (unsigned i = 0; i < p->lines; i++) {
        (void)pthread_join(p->line[i].thread, NULL);
    }
    (void)close(p->listener);
}

#endif
