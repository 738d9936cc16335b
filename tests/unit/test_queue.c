/* SPDX-License-Identifier: Apache-2.0
 *
 * test_queue.c: sentences about the send queue and its receipts, over real sockets, with a relay
 * that can be told to lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "folder.h"
#include "lying_relay.h"
#include "medveil/envelope.h"
#include "medveil/queue.h"
#include "net/client_internal.h"
#include "net/rate.h"
#include "wire/hex.h"

#define PATH_LEN (2 * TEST_FOLDER_MAX)

typedef struct fixture {
    char dir[TEST_FOLDER_MAX];
    lying_relay *relay;
    mv_identity *sender, *recipient;
    mv_card sender_card, recipient_card;
    char identity_path[PATH_LEN];
    mv_queue *queue;
    /* what changed told */
    size_t sent, delivered, refused;
    mv_status last;
    mv_error last_err;
} fixture;

static const char *path_in(const fixture *f, const char *name)
{
    static char path[4][PATH_LEN];
    static int next;
    next = (next + 1) % 4;
    (void)snprintf(path[next], PATH_LEN, "%s/%s", f->dir, name);
    return path[next];
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    folder_make(f->dir);
    (void)setenv("MEDVEIL_HOME", path_in(f, "home"), 1);
    if (mv_identity_generate(&f->sender) != MV_OK || mv_identity_generate(&f->recipient) != MV_OK) {
        return -1;
    }
    mv_identity_card(&f->sender_card, f->sender);
    mv_identity_card(&f->recipient_card, f->recipient);
    (void)snprintf(f->identity_path, PATH_LEN, "%s", path_in(f, "sender.id"));
    if (mv_identity_save(f->sender, f->identity_path, true, NULL) != MV_OK) {
        return -1;
    }
    f->relay = calloc(1, sizeof *f->relay);
    return lying_start(f->relay, f->dir, 0) && mv_queue_open(&f->queue, NULL) == MV_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mv_queue_free(&f->queue);
    lying_stop(f->relay);
    lying_free(f->relay);
    free(f->relay);
    mv_identity_free(&f->sender);
    mv_identity_free(&f->recipient);
    folder_remove(f->dir);
    free(f);
    return 0;
}

/* ---- what the tests do ---- */

static const char *make_file(const fixture *f, const char *name, size_t len, uint64_t seed)
{
    const char *path = path_in(f, name);
    uint8_t *bytes = malloc(len + 8);
    mv_rand r = mv_rand_make(seed);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i += 8) {
        mv_store_u64le(bytes + i, mv_rand_u64(&r));
    }
    assert_int_equal(mv_file_write(path, bytes, len, MV_OUTPUT_FORCE, NULL), MV_OK);
    free(bytes);
    return path;
}

static mv_queue_item add(fixture *f, const char *path, bool with_identity)
{
    mv_queue_item item;
    mv_error err = {0};
    const mv_queue_order order = {f->relay->address, &f->recipient_card,
                                  with_identity ? f->identity_path : NULL,
                                  with_identity ? f->sender : NULL};
    const mv_status st = mv_queue_add(f->queue, &item, path, &order, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(st, MV_OK);
    assert_int_equal(mv_queue_commit(f->queue, NULL), MV_OK);
    return item;
}

static mv_status own_identity(void *user, const char *path, const mv_identity **out, mv_error *err)
{
    const fixture *f = user;
    (void)err;
    assert_string_equal(path, f->identity_path);
    *out = f->sender;
    return MV_OK;
}

static void count_change(void *user, const mv_queue_item *item, mv_status st, const mv_error *err)
{
    fixture *f = user;
    if (item == NULL) {
        return;
    }
    f->sent += st == MV_OK && item->state == MV_QUEUE_SENT;
    f->delivered += st == MV_OK && item->state == MV_QUEUE_DELIVERED;
    f->refused += item->state == MV_QUEUE_REFUSED;
    if (st != MV_OK) {
        f->last = st;
        f->last_err = *err;
    }
}

static mv_queue_run_opts opts_of(fixture *f)
{
    mv_queue_run_opts o = mv_queue_run_defaults();
    o.identity = own_identity;
    o.changed = count_change;
    o.user = f;
    o.idle_timeout_ms = 5000;
    o.tries = 2;
    return o;
}

static mv_status run(fixture *f)
{
    const mv_queue_run_opts o = opts_of(f);
    mv_error err = {0};
    const mv_status st = mv_queue_run(f->queue, &o, &err);
    if (st != MV_OK) {
        f->last_err = err;
    }
    return st;
}

static mv_queue_item item_of(fixture *f, const char *id)
{
    mv_queue_item item;
    assert_int_equal(mv_queue_get(f->queue, &item, id, NULL), MV_OK);
    return item;
}

/* The recipient's part, without a receive: a good receipt for every file on the relay. */
static void acknowledge(fixture *f, uint32_t members, const mv_identity *signer)
{
    for (size_t i = 0; i < f->relay->count; i++) {
        lying_file *file = &f->relay->file[i];
        uint8_t bytes[MV_RECEIPT_LEN];
        mv_receipt r = {
            .len = file->len, .members = members, .identical = members, .time_s = 1795366800};
        memcpy(r.file, file->hash, sizeof r.file);
        memcpy(r.sender, f->sender_card.sign_public, sizeof r.sender);
        assert_int_equal(mv_receipt_make(bytes, &r, signer), MV_OK);
        assert_int_equal(mv_receipt_seal(file->receipt, bytes, &f->sender_card), MV_OK);
        file->receipt_len = MV_RECEIPT_SEALED_LEN;
    }
}

static bool kept(const fixture *f, const char *id, const char *kind)
{
    char name[64];
    (void)snprintf(name, sizeof name, "home/queue/%s.%s", id, kind);
    return access(path_in(f, name), F_OK) == 0;
}

/* ---- the main way ---- */

static void a_file_is_sent_and_its_receipt_is_kept(void **state)
{
    fixture *f = *state;
    const mv_queue_item item = add(f, make_file(f, "study.mv", 300001, 1), true);
    assert_int_equal(item.state, MV_QUEUE_WAITING);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_SENT);
    assert_true(kept(f, item.id, "mv"));
    assert_int_equal(run(f), MV_OK); /* nobody has acknowledged: nothing changes */
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_SENT);
    acknowledge(f, 432, f->recipient);
    assert_int_equal(run(f), MV_OK);
    const mv_queue_item after = item_of(f, item.id);
    assert_int_equal(after.state, MV_QUEUE_DELIVERED);
    assert_int_equal(after.receipt.identical, 432);
    assert_int_equal(after.receipt.members, 432);
    assert_false(kept(f, item.id, "mv"));
    assert_int_equal(f->sent, 1);
    assert_int_equal(f->delivered, 1);
}

static void without_an_identity_a_file_is_sent_and_let_go(void **state)
{
    fixture *f = *state;
    const mv_queue_item item = add(f, make_file(f, "a.mv", 5000, 1), false);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_SENT);
    assert_false(kept(f, item.id, "mv"));
    assert_int_equal(f->relay->count, 1);
}

static void the_same_file_is_queued_and_sent_once(void **state)
{
    fixture *f = *state;
    const char *path = make_file(f, "a.mv", 5000, 1);
    const mv_queue_item first = add(f, path, true), second = add(f, path, true);
    assert_string_equal(first.id, second.id);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(add(f, path, true).state, MV_QUEUE_SENT);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(item_of(f, first.id).state, MV_QUEUE_SENT);
    assert_int_equal(f->relay->count, 1);
    acknowledge(f, 1, f->recipient);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(add(f, path, true).state, MV_QUEUE_DELIVERED);
}

static void small_files_go_in_bundles_and_a_large_one_in_parts(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 300; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%d.mv", i);
        (void)add(f, make_file(f, name, 3000, (uint64_t)i), false);
    }
    (void)add(f, make_file(f, "large.mv", 24000001, 7), false);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(f->relay->count, 301);
    assert_true(f->relay->bundles >= 1 && f->relay->bundles < 20);
    assert_true(f->relay->parts >= 16 && f->relay->parts < 80);
    assert_int_equal(f->relay->puts, 0);
}

static void refusals_end_with_the_reason_and_can_be_tried_again(void **state)
{
    fixture *f = *state;
    const char *path = make_file(f, "a.mv", 300000, 1);
    f->relay->refuse = 1;
    f->relay->refuse_with = 413;
    const mv_queue_item item = add(f, path, true);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(f->refused, 1);
    assert_int_equal(f->last, MV_E_POLICY);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_REFUSED);
    assert_non_null(strstr(item_of(f, item.id).reason, "at most"));
    assert_int_equal(add(f, path, true).state, MV_QUEUE_WAITING);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_SENT);
}

static void a_busy_relay_is_asked_again(void **state)
{
    fixture *f = *state;
    f->relay->refuse = 1;
    f->relay->refuse_with = 503;
    const mv_queue_item item = add(f, make_file(f, "a.mv", 300000, 1), true);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_SENT);
}

static void a_relay_that_is_gone_leaves_the_file_in_the_queue(void **state)
{
    fixture *f = *state;
    mv_address a;
    const mv_queue_item item = add(f, make_file(f, "a.mv", 9000000, 1), true);
    assert_int_equal(mv_address_read(&a, f->relay->address, NULL), MV_OK);
    lying_stop(f->relay);
    assert_int_equal(run(f), MV_E_NOT_FOUND);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_WAITING);
    assert_true(lying_start(f->relay, f->dir, a.port));
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_SENT);
}

static void a_relay_that_moved_is_found_at_its_new_address(void **state)
{
    fixture *f = *state;
    const char *path = make_file(f, "a.mv", 5000, 1);
    const mv_queue_item before = add(f, path, true);
    lying_stop(f->relay);
    assert_true(lying_start(f->relay, f->dir, 0)); /* the same key, another port */
    const mv_queue_item after = add(f, path, true);
    assert_string_equal(before.id, after.id);
    assert_string_equal(after.relay, f->relay->address);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(f->relay->count, 1);
}

static void a_paused_file_is_held_and_a_cancelled_one_is_gone(void **state)
{
    fixture *f = *state;
    mv_queue_item gone;
    const mv_queue_item held = add(f, make_file(f, "a.mv", 5000, 1), true);
    const mv_queue_item cancelled = add(f, make_file(f, "b.mv", 5000, 2), true);
    assert_int_equal(mv_queue_pause(f->queue, held.id, true, NULL), MV_OK);
    assert_int_equal(mv_queue_cancel(f->queue, cancelled.id, NULL), MV_OK);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(f->relay->count, 0);
    assert_int_equal(mv_queue_get(f->queue, &gone, cancelled.id, NULL), MV_E_NOT_FOUND);
    assert_false(kept(f, cancelled.id, "mv"));
    assert_int_equal(mv_queue_pause(f->queue, held.id, false, NULL), MV_OK);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(f->relay->count, 1);
}

static void bytes_that_were_never_committed_are_tidied_away(void **state)
{
    fixture *f = *state;
    mv_queue_item item;
    const mv_queue_order order = {f->relay->address, &f->recipient_card, NULL, NULL};
    assert_int_equal(mv_queue_add(f->queue, &item, make_file(f, "a.mv", 5000, 1), &order, NULL),
                     MV_OK);
    assert_true(kept(f, item.id, "mv"));
    mv_queue *second = NULL;
    assert_int_equal(mv_queue_open(&second, NULL), MV_OK); /* somebody is adding: nothing goes */
    assert_true(kept(f, item.id, "mv"));
    mv_queue_free(&f->queue); /* as when the process dies */
    mv_queue_free(&second);
    assert_int_equal(mv_queue_open(&f->queue, NULL), MV_OK);
    assert_false(kept(f, item.id, "mv"));
    assert_false(kept(f, item.id, "job.new"));
}

static void a_file_that_changes_while_it_is_read_is_noticed(void **state)
{
    fixture *f = *state;
    mv_outgoing out;
    const char *path = make_file(f, "a.mv", 5000, 1);
    assert_int_equal(mv_outgoing_open(&out, path, NULL), MV_OK);
    assert_true(mv_outgoing_unchanged(&out));
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const struct timespec later[2] = {out.written, {out.written.tv_sec, out.written.tv_nsec ^ 1}};
    assert_int_equal(pwrite(fd, "x", 1, 100), 1);
    assert_int_equal(futimens(fd, later), 0); /* where the system's clock is too coarse for that */
    assert_false(mv_outgoing_unchanged(&out));
    (void)close(out.fd);
    assert_int_equal(mv_outgoing_open(&out, path, NULL), MV_OK);
    assert_int_equal(ftruncate(fd, 4999), 0);
    assert_int_equal(futimens(fd, later), 0);
    assert_false(mv_outgoing_unchanged(&out));
    (void)close(out.fd);
    (void)close(fd);
}

static void the_rate_stays_below_the_limit(void **state)
{
    fixture *f = *state;
    mv_queue_run_opts o = opts_of(f);
    o.bytes_per_s = 1000000;
    (void)add(f, make_file(f, "a.mv", 1500000, 1), false);
    const double start_ms = mv_clock_ms();
    assert_int_equal(mv_queue_run(f->queue, &o, NULL), MV_OK);
    const double s = (mv_clock_ms() - start_ms) / 1e3;
    assert_true(s > 1.2); /* 1.5 MB, less the quarter of a second that the bucket holds */
    assert_true(s < 6);
}

/* ---- a relay that lies ---- */

static void a_false_receipt_is_never_taken_for_delivery(void **state)
{
    fixture *f = *state;
    static const lie lies[] = {FORGETS_RECEIPTS, FORGES_RECEIPTS, CUTS_RECEIPTS};
    const mv_queue_item item = add(f, make_file(f, "a.mv", 5000, 1), true);
    assert_int_equal(run(f), MV_OK);
    acknowledge(f, 1, f->recipient);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        f->relay->lie = lies[i];
        assert_int_equal(run(f), lies[i] == FORGETS_RECEIPTS ? MV_OK : MV_E_AUTH);
        assert_int_equal(item_of(f, item.id).state, MV_QUEUE_SENT);
        assert_true(kept(f, item.id, "mv"));
    }
    assert_int_equal(f->delivered, 0);
    f->relay->lie = HONEST; /* the true one still counts */
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_DELIVERED);
}

static void a_receipt_for_another_file_is_refused(void **state)
{
    fixture *f = *state;
    const mv_queue_item first = add(f, make_file(f, "a.mv", 300000, 1), true);
    assert_int_equal(run(f), MV_OK);
    acknowledge(f, 1, f->recipient);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(item_of(f, first.id).state, MV_QUEUE_DELIVERED);
    f->relay->lie = REPLAYS_RECEIPTS;
    const mv_queue_item second = add(f, make_file(f, "b.mv", 300000, 2), true);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(run(f), MV_E_AUTH);
    assert_non_null(strstr(f->last_err.text, "false receipt"));
    assert_int_equal(item_of(f, second.id).state, MV_QUEUE_SENT);
}

static void a_receipt_signed_by_anybody_else_is_refused(void **state)
{
    fixture *f = *state;
    mv_identity *other = NULL;
    const mv_queue_item item = add(f, make_file(f, "a.mv", 5000, 1), true);
    assert_int_equal(run(f), MV_OK);
    assert_int_equal(mv_identity_generate(&other), MV_OK);
    acknowledge(f, 1, other);
    mv_identity_free(&other);
    assert_int_equal(run(f), MV_E_AUTH);
    assert_int_equal(item_of(f, item.id).state, MV_QUEUE_SENT);
}

static void a_receipt_on_disk_that_was_changed_does_not_count(void **state)
{
    fixture *f = *state;
    char name[64];
    const mv_queue_item item = add(f, make_file(f, "a.mv", 5000, 1), true);
    assert_int_equal(run(f), MV_OK);
    acknowledge(f, 3, f->recipient);
    assert_int_equal(run(f), MV_OK);
    (void)snprintf(name, sizeof name, "home/queue/%s.receipt", item.id);
    const int fd = open(path_in(f, name), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\7", 1, 40), 1); /* seven files instead of three */
    (void)close(fd);
    assert_int_not_equal(item_of(f, item.id).state, MV_QUEUE_DELIVERED);
}

static void a_relay_that_loses_what_it_took_is_found_out(void **state)
{
    fixture *f = *state;
    static const lie lies[] = {LOSES_PARTS, LOSES_UPLOADS};
    for (size_t i = 0; i < 2; i++) {
        const mv_queue_item item = add(f, make_file(f, "a.mv", 9000001, i), true);
        f->relay->lie = lies[i];
        assert_int_equal(run(f), MV_OK);
        assert_int_equal(item_of(f, item.id).state, MV_QUEUE_REFUSED);
        assert_non_null(strstr(item_of(f, item.id).reason, "loses"));
    }
    assert_int_equal(f->relay->count, 0);
}

/* ---- the number of streams ---- */

static unsigned settle_at(double (*rate)(unsigned streams), unsigned max)
{
    mv_streams s = mv_streams_make(max);
    for (int i = 0; i < 15; i++) {
        mv_streams_step(&s, rate(s.now));
    }
    return s.now;
}

static double lossy(unsigned streams)
{
    return 1e6 * streams; /* each is held back alone */
}

static double worse(unsigned streams)
{
    return 1e8 / streams / streams;
}

static void as_many_streams_as_do_no_harm_are_used(void **state)
{
    (void)state;
    assert_int_equal(settle_at(lossy, 32), 32);
    assert_int_equal(settle_at(lossy, 5), 5);
    assert_true(settle_at(worse, 32) <= 16); /* 8, or 16 just being tried */
    assert_int_equal(settle_at(lossy, 1), 1);
}

static void a_long_line_has_many_streams_at_once(void **state)
{
    (void)state;
    mv_streams s = mv_streams_make(32);
    const unsigned few = s.now;
    mv_streams_line(&s, 0); /* not known */
    assert_int_equal(s.now, few);
    mv_streams_line(&s, 0.1);
    assert_int_equal(s.now, few);
    mv_streams_line(&s, 80);
    assert_true(s.now >= 16);
    const unsigned many = s.now;
    mv_streams_line(&s, 0.1); /* another relay's: nothing is taken away */
    assert_int_equal(s.now, many);
    mv_streams_line(&s, 1e6);
    assert_int_equal(s.now, 32);
}

/* ---- receipts alone ---- */

static void every_changed_bit_of_a_receipt_is_noticed(void **state)
{
    fixture *f = *state;
    uint8_t bytes[MV_RECEIPT_LEN], sealed[MV_RECEIPT_SEALED_LEN], opened[MV_RECEIPT_LEN];
    mv_receipt r = {.len = 5, .members = 2, .identical = 1, .time_s = 3}, back;
    assert_int_equal(mv_receipt_make(bytes, &r, f->recipient), MV_OK);
    assert_int_equal(mv_receipt_check(&back, bytes, &f->recipient_card), MV_OK);
    assert_memory_equal(&back, &r, sizeof r);
    assert_int_equal(mv_receipt_check(&back, bytes, &f->sender_card), MV_E_AUTH);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 1;
        assert_int_equal(mv_receipt_check(&back, bytes, &f->recipient_card), MV_E_AUTH);
        bytes[i] ^= 1;
    }
    assert_int_equal(mv_receipt_seal(sealed, bytes, &f->sender_card), MV_OK);
    assert_int_equal(mv_receipt_open(opened, sealed, f->sender), MV_OK);
    assert_memory_equal(opened, bytes, sizeof bytes);
    assert_int_equal(mv_receipt_open(opened, sealed, f->recipient), MV_E_AUTH);
    for (size_t i = 0; i < sizeof sealed; i += 7) {
        sealed[i] ^= 1;
        assert_int_equal(mv_receipt_open(opened, sealed, f->sender), MV_E_AUTH);
        sealed[i] ^= 1;
    }
    r.identical = 3; /* more than there are */
    assert_int_equal(mv_receipt_make(bytes, &r, f->recipient), MV_OK);
    assert_int_equal(mv_receipt_check(&back, bytes, &f->recipient_card), MV_E_FORMAT);
}

static void a_receipt_agrees_with_another_implementation(void **state)
{
    static const char key[] = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
    static const char signature[] =
        "32493b83dd69c98b5aa5a3c694f2c7c646c5c4f79a44be8ac959385920c64a08"
        "d3819c9d63dd994d121a7f10d212529fdaf4ab482502d1b823424aa3e0494b0f";
    uint8_t bytes[MV_RECEIPT_LEN] = {0};
    mv_card card = {.created_day = 0};
    mv_receipt r;
    (void)state;
    for (uint8_t i = 0; i < 32; i++) {
        bytes[i] = i;
        bytes[56 + i] = 9;
    }
    mv_store_u64le(bytes + 32, 10468);
    mv_store_u32le(bytes + 40, 432);
    mv_store_u32le(bytes + 44, 432);
    mv_store_u64le(bytes + 48, 1795368309);
    assert_true(mv_hex_read(bytes + 88, 64, signature));
    assert_true(mv_hex_read(card.sign_public, 32, key));
    assert_int_equal(mv_receipt_check(&r, bytes, &card), MV_OK);
    assert_int_equal(r.identical, 432);
    assert_int_equal(r.time_s, 1795368309);
}

#define SENTENCE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(a_file_is_sent_and_its_receipt_is_kept),
        SENTENCE(without_an_identity_a_file_is_sent_and_let_go),
        SENTENCE(the_same_file_is_queued_and_sent_once),
        SENTENCE(small_files_go_in_bundles_and_a_large_one_in_parts),
        SENTENCE(refusals_end_with_the_reason_and_can_be_tried_again),
        SENTENCE(a_busy_relay_is_asked_again),
        SENTENCE(a_relay_that_is_gone_leaves_the_file_in_the_queue),
        SENTENCE(a_relay_that_moved_is_found_at_its_new_address),
        SENTENCE(a_paused_file_is_held_and_a_cancelled_one_is_gone),
        SENTENCE(bytes_that_were_never_committed_are_tidied_away),
        SENTENCE(a_file_that_changes_while_it_is_read_is_noticed),
        SENTENCE(the_rate_stays_below_the_limit),
        SENTENCE(a_false_receipt_is_never_taken_for_delivery),
        SENTENCE(a_receipt_for_another_file_is_refused),
        SENTENCE(a_receipt_signed_by_anybody_else_is_refused),
        SENTENCE(a_receipt_on_disk_that_was_changed_does_not_count),
        SENTENCE(a_relay_that_loses_what_it_took_is_found_out),
        cmocka_unit_test(as_many_streams_as_do_no_harm_are_used),
        cmocka_unit_test(a_long_line_has_many_streams_at_once),
        SENTENCE(every_changed_bit_of_a_receipt_is_noticed),
        cmocka_unit_test(a_receipt_agrees_with_another_implementation),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
