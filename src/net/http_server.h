/* SPDX-License-Identifier: Apache-2.0
 *
 * http_server.h: an HTTPS server (TLS 1.3) that hands each request to an application. This is all
 * of libmicrohttpd that the rest of the project sees.
 *
 * For each request the server calls begin (headers are there), body (zero or more times, as bytes
 * arrive), end (the body is complete) and done (always last, also when the connection broke). Begin
 * may set a reply: then body and end are not called. After end a reply must be set, or later: the
 * connection then sleeps without a thread until mv_http_resume. Calls come from several threads,
 * but those for one exchange never at the same time.
 */
#ifndef MV_NET_HTTP_SERVER_H
#define MV_NET_HTTP_SERVER_H

#include "base/bytes.h"
#include "wire/messages.h"

#include <sys/socket.h>

#define MV_HTTP_METHOD_MAX 16
#define MV_HTTP_LEN_NONE   UINT64_MAX /* a body of unstated length */

typedef struct mv_http_exchange {
    /* The request; the strings end with the exchange. */
    char method[MV_HTTP_METHOD_MAX];
    char target[MV_TARGET_MAX]; /* path and query as sent; "" when longer than any of ours */
    uint64_t body_len;          /* announced; 0: none; MV_HTTP_LEN_NONE: not stated */
    const char *authorization;  /* header values, NULL when missing; valid in begin only */
    const char *range;
    const char *if_none_match;
    const char *forwarded_for;
    const struct sockaddr *peer; /* who is at the other end; valid in begin only */
    bool trusted;                /* client_ca is given and the client's certificate is good */

    /* The reply; set with the calls below. */
    int status;        /* 0: none yet */
    uint64_t sent_len; /* bytes of its body */
    bool broken;       /* in done: the connection ended before the reply was out */

    /* Set in end instead of a reply: called when the connection sleeps; whoever it hands the
     * exchange to sets the reply and calls mv_http_resume, once, from any thread. */
    void (*later)(void *user, struct mv_http_exchange *x);

    double started_ms; /* mv_clock_ms when the request line was read */
    void *state;       /* the application's own */
    void *server_state;
} mv_http_exchange;

typedef struct mv_http_app {
    void *user;
    void (*begin)(void *user, mv_http_exchange *x);
    void (*body)(void *user, mv_http_exchange *x, const uint8_t *bytes, size_t len);
    void (*end)(void *user, mv_http_exchange *x);
    void (*done)(void *user, mv_http_exchange *x);
} mv_http_app;

/* Replies. The bytes are copied; the descriptor is taken and closed in every case. */
void mv_http_reply(mv_http_exchange *x, int status, const char *type, const uint8_t *bytes,
                   size_t len);
void mv_http_reply_file(mv_http_exchange *x, int status, int fd, uint64_t offset, uint64_t len);
void mv_http_reply_header(mv_http_exchange *x, const char *name, const char *value);
void mv_http_resume(mv_http_exchange *x);

typedef struct mv_http_server mv_http_server;

typedef struct mv_http_server_opts {
    const char *host;        /* name, IPv4 or bracketed IPv6 to listen on */
    uint16_t port;           /* 0: any free one */
    const char *pem;         /* key and certificate; only read while starting */
    const char *client_ca;   /* PEM: clients show a certificate signed by it; NULL: none is asked */
    const char *client_crl;  /* PEM: lists by client_ca of what it took back; NULL: none */
    unsigned idle_timeout_s; /* without a byte, or without a request however many bytes trickle */
    unsigned connections_max;
    unsigned connections_per_client; /* by network address; 0: no limit of its own */
    mv_http_app app;                 /* app.user must outlive the server */
} mv_http_server_opts;

/* errors: MV_E_NOT_FOUND (no such host), MV_E_BUSY (the port is taken), MV_E_IO, MV_E_MEMORY */
MV_MUST_CHECK mv_status mv_http_server_start(mv_http_server **out, const mv_http_server_opts *opts,
                                             mv_error *err);
uint16_t mv_http_server_port(const mv_http_server *server);
unsigned mv_http_server_connections(const mv_http_server *server);

/* mv_http_server_stop: takes no new connection, gives running requests up to grace_ms to end. */
void mv_http_server_stop(mv_http_server **server, unsigned grace_ms);

#endif
