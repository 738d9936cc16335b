/* SPDX-License-Identifier: Apache-2.0
 *
 * test_net_relay.c: sentences about what a relay refuses, keeps to and sees.
 */
#include "relay_fixture.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "envelope/mailbox.h"
#include "medveil/envelope.h"
#include "net/http_client.h"
#include "relay_client.h"
#include "wire/hex.h"

/* One raw request with the relay's right key; the HTTP status. */
static int ask_raw(const fixture *f, const char *method, const char *target, const char *proof)
{
    mv_address a;
    mv_http_client *c = NULL;
    const mv_http_client_opts opts = {.connect_timeout_ms = 5000, .idle_timeout_ms = 5000};
    mv_http_call call = {.method = method, .target = target, .authorization = proof};
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    assert_int_equal(mv_http_client_new(&c, &a, &opts, NULL), MV_OK);
    assert_int_equal(mv_http_client_do(c, &call, NULL), MV_OK);
    const int status = call.status;
    mv_http_call_clear(&call);
    mv_http_client_free(&c);
    return status;
}

static void get_nonce(uint8_t nonce[MV_NONCE_LEN], const fixture *f)
{
    mv_address a;
    mv_http_client *c = NULL;
    const mv_http_client_opts opts = {.connect_timeout_ms = 5000, .idle_timeout_ms = 5000};
    mv_http_call call = {.method = "GET", .target = "/v1/challenge"};
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    assert_int_equal(mv_http_client_new(&c, &a, &opts, NULL), MV_OK);
    assert_int_equal(mv_http_client_do(c, &call, NULL), MV_OK);
    assert_int_equal(mv_challenge_read(nonce, call.reply.bytes, call.reply.len), MV_OK);
    mv_http_call_clear(&call);
    mv_http_client_free(&c);
}

static uint32_t epoch_now(void)
{
    return (uint32_t)(time(NULL) / MV_EPOCH_S);
}

static void list_target(char out[MV_TARGET_MAX], const mv_card *card)
{
    mv_route route = {.kind = MV_ROUTE_LIST};
    route.mailbox.epoch = epoch_now();
    assert_int_equal(mv_mailbox_tag(route.mailbox.tag, card, route.mailbox.epoch), MV_OK);
    mv_route_write(out, &route);
}

static void prove(char out[MV_PROOF_TEXT_MAX], const fixture *f, const mv_identity *identity,
                  const uint8_t nonce[MV_NONCE_LEN], const char *target)
{
    mv_address a;
    mv_proof proof;
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    const mv_proof_subject subject = {a.key, "GET", target, epoch_now()};
    assert_int_equal(mv_proof_make(&proof, identity, nonce, &subject), MV_OK);
    mv_proof_write(out, &proof);
}

static void only_a_fresh_proof_of_the_owner_opens_a_mailbox(void **state)
{
    fixture *f = *state;
    uint8_t nonce[MV_NONCE_LEN], foreign[MV_NONCE_LEN];
    char target[MV_TARGET_MAX], proof[MV_PROOF_TEXT_MAX];
    list_target(target, &f->alice_card);

    assert_int_equal(ask_raw(f, "GET", target, NULL), 401);
    assert_int_equal(ask_raw(f, "GET", target, "Medveil nonsense"), 401);

    get_nonce(nonce, f);
    prove(proof, f, f->alice, nonce, target);
    assert_int_equal(ask_raw(f, "GET", target, proof), 200);
    assert_int_equal(ask_raw(f, "GET", target, proof), 401); /* replayed */

    get_nonce(nonce, f);
    prove(proof, f, f->bob, nonce, target); /* valid, but of somebody else */
    assert_int_equal(ask_raw(f, "GET", target, proof), 401);

    get_nonce(nonce, f);
    prove(proof, f, f->alice, nonce, target);
    char *digit = proof + strlen(proof) - 1; /* a damaged signature */
    *digit = *digit == '0' ? '1' : '0';
    assert_int_equal(ask_raw(f, "GET", target, proof), 401);

    memcpy(foreign, nonce, sizeof foreign); /* a nonce that the relay never gave */
    foreign[8] ^= 1;
    prove(proof, f, f->alice, foreign, target);
    assert_int_equal(ask_raw(f, "GET", target, proof), 401);

    get_nonce(nonce, f);
    prove(proof, f, f->alice, nonce, "/v1/challenge"); /* a proof for another request */
    assert_int_equal(ask_raw(f, "GET", target, proof), 401);

    prove(proof, f, f->alice, nonce, target); /* the refused proofs did not spend it */
    assert_int_equal(ask_raw(f, "GET", target, proof), 200);
}

static void a_client_goes_on_when_its_nonce_is_from_before_a_restart(void **state)
{
    fixture *f = *state;
    mv_address a;
    mv_client_file *files = NULL;
    size_t count = 0;
    mv_client *c = client_at(f->address, f->alice, 3);
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    mv_client_list_free(&files);
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    assert_int_equal(end_relay(f, SIGTERM), 0);
    f->config.listen_port = a.port;
    start_relay(f);
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    mv_client_list_free(&files);
    mv_client_free(&c);
}

static void another_identity_sees_only_its_own_empty_mailbox(void **state)
{
    fixture *f = *state;
    mv_client_file file, *files = NULL;
    size_t count = 9;
    mv_error err = {0};
    mv_client *c = client_at(f->address, f->bob, 1);
    const char *in = make_file(f, "in", 100, 1), *part = path_in(f, "out.part");
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    assert_int_equal(count, 0);
    assert_int_equal(mv_client_fetch(c, &file, part, &err), MV_E_NOT_FOUND);
    assert_int_equal(access(part, F_OK), -1);
    assert_int_equal(mv_client_remove(c, &file, NULL), MV_OK); /* removes nothing of alice's */
    assert_int_equal(waiting(f), 1);
    mv_client_list_free(&files);
    mv_client_free(&c);
}

static void what_does_not_fit_the_interface_is_refused(void **state)
{
    fixture *f = *state;
    char target[MV_TARGET_MAX], file[MV_TARGET_MAX];
    mv_route route = {.kind = MV_ROUTE_FILE};
    list_target(target, &f->alice_card);
    mv_route_write(file, &route);
    assert_int_equal(ask_raw(f, "GET", "/healthz", NULL), 200);
    assert_int_equal(ask_raw(f, "GET", "/", NULL), 404);
    assert_int_equal(ask_raw(f, "GET", "/v1/mailboxes/../../etc/passwd", NULL), 404);
    assert_int_equal(ask_raw(f, "DELETE", target, NULL), 405);
    assert_int_equal(ask_raw(f, "PATCH", file, NULL), 405);
    assert_int_equal(ask_raw(f, "PUT", file, NULL), 411);
}

static void noise_on_the_port_does_not_harm_the_relay(void **state)
{
    fixture *f = *state;
    mv_address a;
    char block[4096];
    mv_rand r = mv_rand_make(1);
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    for (int round = 0; round < 20; round++) {
        const int fd = proxy_socket(a.port, false);
        for (size_t i = 0; i < sizeof block; i++) {
            block[i] = (char)mv_rand_u64(&r);
        }
        assert_true(fd >= 0);
        (void)!send(fd, round % 2 ? "GET / HTTP/1.1\r\n\r\n" : block, round % 2 ? 18 : sizeof block,
                    MSG_NOSIGNAL);
        (void)close(fd);
    }
    assert_int_equal(ask_raw(f, "GET", "/healthz", NULL), 200);
}

/* ---- policy ---- */

static void oversize_and_quota_are_refused_with_the_reason(void **state)
{
    fixture *f = *state;
    static const size_t lens[] = {200000, 3 << 20}; /* refused after and before the body */
    f->config.max_file_bytes = 100000;
    f->config.mailbox_quota_bytes = 102400;
    start_relay(f);
    for (size_t i = 0; i < 2; i++) {
        mv_error err = {0};
        assert_int_equal(send_file(f, make_file(f, "in", lens[i], i), &err), MV_E_POLICY);
        assert_non_null(strstr(err.text, "at most 100000 bytes"));
    }
    mv_error err = {0};
    assert_int_equal(send_file(f, make_file(f, "in", 60000, 5), NULL), MV_OK);
    assert_int_equal(send_file(f, make_file(f, "in", 60000, 6), &err), MV_E_POLICY);
    assert_non_null(strstr(err.text, "no room"));
    assert_int_equal(waiting(f), 1);
    assert_int_equal(entries(f, "incoming"), 0);
}

static void a_large_file_that_is_refused_is_not_even_sent(void **state)
{
    fixture *f = *state;
    proxy line = {.limit_up = 0};
    upload_job job = {.f = f};
    char address[MV_ADDRESS_MAX];
    f->config.max_file_bytes = 100000;
    start_relay(f);
    through(address, f, &line);
    job.address = address;
    (void)snprintf(job.path, PATH_LEN, "%s", make_file(f, "in", 3 << 20, 1));
    (void)upload(&job);
    proxy_stop(&line);
    assert_int_equal(job.st, MV_E_POLICY);
    assert_true(atomic_load(&line.up) < 20000);
}

static void a_relay_without_anonymous_sending_asks_senders_to_sign(void **state)
{
    fixture *f = *state;
    static const size_t lens[] = {1000, 3 << 20};
    mv_client_file sent;
    f->config.anonymous_send = false;
    start_relay(f);
    for (size_t i = 0; i < 2; i++) {
        mv_error err = {0};
        bool duplicate = true;
        const char *in = make_file(f, "in", lens[i], i);
        mv_client *c = client_at(f->address, f->bob, 1);
        assert_int_equal(send_file(f, in, &err), MV_E_POLICY);
        assert_non_null(strstr(err.hint, "-s"));
        assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, NULL), MV_OK);
        assert_false(duplicate);
        mv_client_free(&c);
    }
    assert_int_equal(waiting(f), 2);
}

static mv_status check_config(const fixture *f, const char *text, mv_error *err)
{
    relay_config c;
    const char *path = path_in(f, "relay.ini");
    assert_int_equal(
        mv_file_write(path, (const uint8_t *)text, strlen(text), MV_OUTPUT_FORCE, NULL), MV_OK);
    return relay_config_load(&c, path, err);
}

static void a_mistake_in_the_configuration_names_file_line_and_key(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *text, *where, *key;
    } bad[] = {
        {"[relay]\nlistn = 127.0.0.1:0\n", "relay.ini, line 2", "listn"},
        {"[relay]\nlisten = 127.0.0.1\n", "line 2", "listen"},
        {"listen = 127.0.0.1:0\n", "line 1", "listen"},
        {"[relay]\n\nmax_file_bytes = 1k\n", "line 3", "max_file_bytes"},
        {"[relay]\nanonymous_send = maybe\n", "line 2", "anonymous_send"},
        {"[relay]\nidle_timeout_s = 0\n", "line 2", "idle_timeout_s"},
        {"[relay]\nretention_days = -1\n", "line 2", "retention_days"},
        {"[relay]\nmetrics_from = 10.0.0.0/33\n", "line 2", "metrics_from"},
        {"[relay]\ntrusted_proxies = proxy.example.org\n", "line 2", "trusted_proxies"},
        {"[relay]\nlog = xml\n", "line 2", "log"},
        {"[relay]\nmax_connections = 1\n", "line 2", "max_connections"},
        {"[relay]\nnonsense\n", "line 2", "key = value"},
        {"[relay]\nmailbox_quota_bytes = 4096\n", "relay.ini", "mailbox_quota_bytes"},
    };
    assert_int_equal(check_config(f, "[relay]\nlisten = [::1]:7462\nanonymous_send = no\n", NULL),
                     MV_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mv_error err = {0};
        assert_int_equal(check_config(f, bad[i].text, &err), MV_E_FORMAT);
        assert_non_null(strstr(err.text, bad[i].where));
        assert_non_null(strstr(err.text, bad[i].key));
    }
}

static void a_taken_port_and_a_taken_folder_are_said_so(void **state)
{
    fixture *f = *state;
    relay *second = NULL;
    mv_address a;
    relay_config c = f->config;
    mv_error err = {0}, err2 = {0};
    if (c.postgres[0] == '\0') {
        assert_int_equal(relay_start(&second, &c, NULL, &err), MV_E_BUSY);
        assert_non_null(strstr(err.text, "state"));
    }
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    c.listen_port = a.port;
    (void)snprintf(c.state, sizeof c.state, "%s", path_in(f, "state2"));
    assert_int_equal(relay_start(&second, &c, NULL, &err2), MV_E_BUSY);
    assert_non_null(strstr(err2.text, "listen"));
    assert_null(second);
}

static void relays_on_one_postgres_share_mailboxes_and_one_folder_else(void **state)
{
    fixture *f = *state;
    fixture second = *f;
    mv_client_file *files = NULL;
    size_t count = 0;
    second.relay = 0;
    if (f->config.postgres[0] == '\0') { /* SQLite: one after the other, not both at once */
        assert_int_equal(end_relay(f, SIGTERM), 0);
    }
    start_relay(&second);
    assert_int_equal(send_file(&second, make_file(f, "in", 5000, 1), NULL), MV_OK);
    if (f->config.postgres[0] == '\0') {
        assert_int_equal(end_relay(&second, SIGTERM), 0);
        start_relay(f);
    }
    mv_client *c = client_at(f->address, f->alice, 1);
    assert_int_equal(mv_client_list(c, &files, &count, NULL), MV_OK);
    assert_int_equal(count, 1);
    assert_int_equal(mv_client_fetch(c, &files[0], path_in(f, "out.part"), NULL), MV_OK);
    assert_same_bytes(path_in(f, "in"), path_in(f, "out.part"));
    mv_client_list_free(&files);
    mv_client_free(&c);
    if (second.relay != 0) {
        assert_int_equal(end_relay(&second, SIGTERM), 0);
    }
}

/* A connection that sends a byte now and then without ever finishing a request. */
static void a_request_that_trickles_in_for_ever_is_cut_off(void **state)
{
    fixture *f = *state;
    mv_address a;
    char byte = 0x16; /* not even TLS gets anywhere */
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    const int fd = proxy_socket(a.port, false);
    const double start_ms = mv_clock_ms();
    bool open = true;
    assert_true(fd >= 0);
    while (open && mv_clock_ms() - start_ms < 20000) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        (void)!send(fd, &byte, 1, MSG_NOSIGNAL);
        open = poll(&wait, 1, 500) == 0;
    }
    (void)close(fd);
    assert_false(open);
    assert_true(mv_clock_ms() - start_ms < 1000.0 * f->config.idle_timeout_s + 3000);
}

static void a_tls_key_that_others_can_read_is_refused(void **state)
{
    fixture *f = *state;
    relay *r = NULL;
    mv_error err = {0};
    struct stat info;
    const char *key = path_in(f, "state/tls.pem");
    assert_int_equal(stat(key, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(end_relay(f, SIGTERM), 0);
    assert_int_equal(chmod(key, 0644), 0);
    assert_int_equal(relay_start(&r, &f->config, NULL, &err), MV_E_POLICY);
    assert_non_null(strstr(err.hint, "chmod 600"));
}

static void assert_client(const relay_config *c, const char *forwarded, const char *wanted)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    uint8_t got[RELAY_CLIENT_LEN], want[RELAY_CLIENT_LEN] = {[10] = 0xff, [11] = 0xff};
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (inet_pton(AF_INET, wanted, want + 12) != 1) {
        assert_int_equal(inet_pton(AF_INET6, wanted, want), 1);
    }
    relay_client_of(got, c, (const struct sockaddr *)&peer, forwarded);
    assert_memory_equal(got, want, sizeof want);
}

static void only_a_trusted_proxy_says_who_the_client_is(void **state)
{
    relay_config c = relay_config_defaults();
    (void)state;
    assert_client(&c, "192.0.2.1", "127.0.0.1"); /* nobody is trusted */
    assert_true(relay_nets_read(&c.trusted_proxies, "127.0.0.1, 10.0.0.0/8"));
    assert_client(&c, NULL, "127.0.0.1");
    assert_client(&c, "192.0.2.1", "192.0.2.1");
    assert_client(&c, "192.0.2.1, 10.9.8.7", "192.0.2.1"); /* two proxies of ours */
    assert_client(&c, "6.6.6.6, 192.0.2.1", "192.0.2.1");  /* what the client itself made up */
    assert_client(&c, "192.0.2.1, unknown", "127.0.0.1");
    assert_client(&c, "2001:db8::7", "2001:db8::7");
    assert_client(&c, "", "127.0.0.1");
}

static void a_client_that_asks_too_often_waits_and_others_do_not(void **state)
{
    relay_rates *r = NULL;
    const uint8_t busy[RELAY_CLIENT_LEN] = {0x20, 0x01, [15] = 1};
    const uint8_t same_net[RELAY_CLIENT_LEN] = {0x20, 0x01, [15] = 2};
    const uint8_t other[RELAY_CLIENT_LEN] = {0x20, 0x02, [15] = 1};
    (void)state;
    assert_int_equal(relay_rates_new(&r, 60), MV_OK);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(relay_rates_take(r, busy, 1000), 0);
    }
    assert_int_equal(relay_rates_take(r, busy, 1000), 2);
    assert_int_equal(relay_rates_take(r, same_net, 1000), 2); /* one /64 is one client */
    assert_int_equal(relay_rates_take(r, other, 1000), 0);
    assert_int_equal(relay_rates_take(r, busy, 2100), 0); /* one token a second */
    assert_true(relay_rates_take(r, busy, 2100) != 0);
    for (uint32_t i = 0; i < 100000; i++) { /* more clients than are remembered */
        const uint8_t many[RELAY_CLIENT_LEN] = {9, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
                                                (uint8_t)i};
        assert_int_equal(relay_rates_take(r, many, 3000), 0);
    }
    relay_rates_free(&r);
}

/* ---- what a relay sees ---- */

static const struct {
    const char *text;
    size_t len;
} * wanted_nowhere;
static size_t wanted_count;
static size_t files_searched;

static int search_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    mv_buffer bytes = mv_buffer_make(1 << 26);
    (void)info;
    (void)where;
    for (size_t i = 0; i < wanted_count; i++) { /* names too */
        if (memmem(path, strlen(path), wanted_nowhere[i].text, wanted_nowhere[i].len) != NULL) {
            return 1;
        }
    }
    if (type != FTW_F) {
        return 0;
    }
    files_searched++;
    if (mv_file_read(&bytes, path, NULL) != MV_OK) {
        return 2;
    }
    int found = 0;
    for (size_t i = 0; i < wanted_count && bytes.len != 0; i++) {
        found |=
            memmem(bytes.bytes, bytes.len, wanted_nowhere[i].text, wanted_nowhere[i].len) != NULL;
    }
    mv_buffer_clear(&bytes);
    return found;
}

static const char *make_envelope(const fixture *f, const char *exact, const char *file_name)
{
    const char *path = path_in(f, "scan.mv");
    mv_content content = {0};
    mv_seal_opts opts = {.sender = f->bob, .recipient = &f->alice_card, .recipient_count = 1};
    mv_envelope_stats stats;
    mv_error err = {0};
    uint8_t *bytes = NULL;
    size_t len = 0;
    content.exact_len = strlen(exact);
    content.exact = malloc(content.exact_len);
    assert_non_null(content.exact);
    memcpy(content.exact, exact, content.exact_len);
    (void)snprintf(content.file_name, sizeof content.file_name, "%s", file_name);
    const mv_status st = mv_envelope_seal(&bytes, &len, &stats, &content, &opts, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, MV_OK);
    assert_int_equal(mv_file_write(path, bytes, len, MV_OUTPUT_FORCE, NULL), MV_OK);
    mv_envelope_free_bytes(&bytes, len);
    mv_content_clear(&content);
    return path;
}

static void neither_disk_nor_log_of_a_relay_names_people_or_pictures(void **state)
{
    fixture *f = *state;
    static const char exact[] = "PATIENT-PIXELS-PATIENT-PIXELS", file_name[] = "jane-doe-brain.png";
    mv_card bob_card;
    char alice_name[MV_CARD_NAME_MAX], bob_name[MV_CARD_NAME_MAX], alice_hex[65], key_hex[65];
    mv_client_file sent;
    bool duplicate = false;
    f->config.anonymous_send = false; /* the relay then even sees the sender's key */
    start_relay(f);
    mv_identity_card(&bob_card, f->bob);
    mv_card_name(alice_name, f->alice_card.id);
    mv_card_name(bob_name, bob_card.id);
    mv_hex_write(alice_hex, f->alice_card.id, MV_CARD_ID_LEN);
    mv_hex_write(key_hex, f->alice_card.sign_public, 32);

    mv_client *c = client_at(f->address, f->bob, 1);
    const char *in = make_envelope(f, exact, file_name);
    assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, NULL), MV_OK);
    mv_client_free(&c);
    c = client_at(f->address, f->alice, 1);
    assert_int_equal(mv_client_fetch(c, &sent, path_in(f, "out.part"), NULL), MV_OK);
    mv_client_free(&c);

    const struct {
        const char *text;
        size_t len;
    } wanted[] = {
        {exact, 14},
        {file_name, 8},
        {alice_name, strlen(alice_name)},
        {bob_name, strlen(bob_name)},
        {alice_hex, 64},
        {key_hex, 64},
        {(const char *)f->alice_card.id, 32},
        {(const char *)f->alice_card.sign_public, 32},
        {(const char *)f->alice_card.seal_public, 32},
        {(const char *)bob_card.id, 32},
        {(const char *)bob_card.sign_public, 32},
    };
    wanted_nowhere = (const void *)wanted;
    wanted_count = sizeof wanted / sizeof wanted[0];
    files_searched = 0;
    assert_int_equal(nftw(path_in(f, "state"), search_file, 16, FTW_PHYS), 0);
    /* two locks, key, audit log, the database with its two journals, one sealed file */
    const size_t in_state = f->config.postgres[0] == '\0' ? 8 : 5; /* the database is elsewhere */
    assert_int_equal(files_searched, in_state);
    assert_int_equal(nftw(path_in(f, "log"), search_file, 16, FTW_PHYS), 0);
    assert_int_equal(files_searched, in_state + 1);
    assert_true(size_of(path_in(f, "log")) > 100);
    assert_true(size_of(path_in(f, "state/audit.log")) > 100);

    wanted_count = 0;
    mv_buffer log = mv_buffer_make(1 << 20);
    uint8_t tag[MV_TAG_LEN];
    char box[65];
    assert_int_equal(mv_mailbox_tag(tag, &f->alice_card, epoch_now()), MV_OK);
    mv_hex_write(box, tag, sizeof tag);
    assert_int_equal(mv_file_read(&log, path_in(f, "log"), NULL), MV_OK);
    assert_null(memmem(log.bytes, log.len, box, 12)); /* the log names no mailbox either */
    assert_null(memmem(log.bytes, log.len, "127.0.0.1", 9));
    mv_buffer_clear(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RELAY(only_a_fresh_proof_of_the_owner_opens_a_mailbox),
        WITH_RELAY(a_client_goes_on_when_its_nonce_is_from_before_a_restart),
        WITH_RELAY(another_identity_sees_only_its_own_empty_mailbox),
        WITH_RELAY(what_does_not_fit_the_interface_is_refused),
        WITH_RELAY(noise_on_the_port_does_not_harm_the_relay),
        WITH_FOLDER(oversize_and_quota_are_refused_with_the_reason),
        WITH_FOLDER(a_large_file_that_is_refused_is_not_even_sent),
        WITH_FOLDER(a_relay_without_anonymous_sending_asks_senders_to_sign),
        WITH_FOLDER(a_mistake_in_the_configuration_names_file_line_and_key),
        WITH_RELAY(a_taken_port_and_a_taken_folder_are_said_so),
        WITH_RELAY(relays_on_one_postgres_share_mailboxes_and_one_folder_else),
        WITH_RELAY(a_request_that_trickles_in_for_ever_is_cut_off),
        WITH_RELAY(a_tls_key_that_others_can_read_is_refused),
        cmocka_unit_test(only_a_trusted_proxy_says_who_the_client_is),
        cmocka_unit_test(a_client_that_asks_too_often_waits_and_others_do_not),
        WITH_FOLDER(neither_disk_nor_log_of_a_relay_names_people_or_pictures),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
