/* SPDX-License-Identifier: Apache-2.0
 *
 * test_net.c: sentences about files on their way over a relay, bit for bit and once, also when
 * somebody in between lies.
 */
#include "relay_fixture.h"

#include <fcntl.h>
#include <time.h>

#include "base/clock.h"
#include "wire/hex.h"

/* ---- the main way ---- */

static void a_file_goes_through_the_relay_bit_for_bit(void **state)
{
    fixture *f = *state;
    static const size_t lens[] = {1, 16384, 300001, 3 << 20};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        mv_client *sender = client_at(f->address, NULL, 1);
        mv_client *receiver = client_at(f->address, f->alice, 1);
        mv_client_file sent, *files = NULL;
        size_t count = 0;
        bool duplicate = true;
        const char *in = make_file(f, "in", lens[i], i), *part = path_in(f, "out.part");
        assert_int_equal(mv_client_send(sender, &sent, &duplicate, in, &f->alice_card, NULL),
                         MV_OK);
        assert_false(duplicate);
        assert_int_equal(mv_client_list(receiver, &files, &count, NULL), MV_OK);
        assert_int_equal(count, 1);
        assert_memory_equal(files[0].hash, sent.hash, sizeof sent.hash);
        assert_int_equal(files[0].epoch, sent.epoch);
        assert_int_equal(files[0].len, lens[i]);
        assert_int_equal(mv_client_fetch(receiver, &files[0], part, NULL), MV_OK);
        assert_same_bytes(in, part);
        assert_int_equal(mv_client_remove(receiver, &files[0], NULL), MV_OK);
        assert_int_equal(mv_client_remove(receiver, &files[0], NULL), MV_OK); /* safe to repeat */
        assert_int_equal(waiting(f), 0);
        assert_int_equal(unlink(part), 0);
        mv_client_list_free(&files);
        mv_client_free(&sender);
        mv_client_free(&receiver);
    }
}

static void the_same_file_sent_twice_waits_once(void **state)
{
    fixture *f = *state;
    static const size_t lens[] = {1000, 3 << 20}; /* below and above what waits for "continue" */
    for (size_t i = 0; i < 2; i++) {
        mv_client *c = client_at(f->address, NULL, 1);
        mv_client_file sent;
        bool duplicate = true;
        const char *in = make_file(f, "in", lens[i], i);
        assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, NULL), MV_OK);
        assert_false(duplicate);
        assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, NULL), MV_OK);
        assert_true(duplicate);
        assert_int_equal(waiting(f), i + 1);
        mv_client_free(&c);
    }
}

static void files_and_the_relays_key_survive_a_restart(void **state)
{
    fixture *f = *state;
    mv_address before, after;
    assert_int_equal(send_file(f, make_file(f, "in", 5000, 1), NULL), MV_OK);
    assert_int_equal(mv_address_read(&before, f->address, NULL), MV_OK);
    assert_int_equal(end_relay(f, SIGTERM), 0);
    f->config.listen_port = before.port;
    start_relay(f);
    assert_int_equal(mv_address_read(&after, f->address, NULL), MV_OK);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(waiting(f), 1);
}

static void four_senders_at_once_lose_nothing(void **state)
{
    fixture *f = *state;
    upload_job job[5];
    pthread_t thread[5];
    for (int i = 0; i < 5; i++) { /* the last two send the same file */
        const char seed = (char)('0' + (i == 4 ? 3 : i));
        const char name[] = {'i', 'n', (char)('0' + i), 0};
        job[i] = (upload_job){.f = f, .address = f->address, .st = MV_E_INTERNAL};
        (void)snprintf(job[i].path, PATH_LEN, "%s", make_file(f, name, 700000, (uint64_t)seed));
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, upload, &job[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        (void)pthread_join(thread[i], NULL);
        assert_int_equal(job[i].st, MV_OK);
    }
    assert_int_equal(waiting(f), 4);
    assert_int_equal(entries(f, "incoming"), 0);
}

/* ---- relays and clients that lie ---- */

static void stored_path(char out[PATH_LEN + 200], const fixture *f, const mv_client_file *file)
{
    char name[65];
    mv_hex_write(name, file->hash, sizeof file->hash);
    (void)snprintf(out, PATH_LEN + 200, "%s/state/blobs/%s", f->dir, name);
}

static void altered_bytes_are_refused_and_not_kept(void **state)
{
    fixture *f = *state;
    mv_client_file file;
    mv_client *c = client_at(f->address, f->alice, 1);
    char stored[PATH_LEN + 200];
    const char *in = make_file(f, "in", 5000, 1), *part = path_in(f, "out.part");
    assert_int_equal(send_file(f, in, NULL), MV_OK);
    assert_int_equal(mv_client_hash_file(&file, in, NULL), MV_OK);
    stored_path(stored, f, &file);
    const int fd = open(stored, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "XX", 2, 2500), 2);
    (void)close(fd);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_E_AUTH);
    assert_int_equal(access(part, F_OK), -1);
    assert_int_equal(truncate(stored, 4000), 0);
    assert_int_equal(mv_client_fetch(c, &file, part, NULL), MV_E_NETWORK);
    mv_client_free(&c);
}

static void a_relay_with_another_key_is_refused(void **state)
{
    fixture *f = *state;
    mv_address a;
    char address[MV_ADDRESS_MAX];
    mv_error err = {0};
    mv_client_file sent;
    bool duplicate = false;
    const char *in = make_file(f, "in", 100, 1);
    assert_int_equal(mv_address_read(&a, f->address, NULL), MV_OK);
    a.key[31] ^= 1;
    mv_address_write(address, &a);
    mv_client *c = client_at(address, f->alice, 3);
    assert_int_equal(mv_client_send(c, &sent, &duplicate, in, &f->alice_card, &err), MV_E_AUTH);
    assert_non_null(strstr(err.text, "the relay's key is not the one in its address"));
    assert_int_equal(waiting(f), 0);
    mv_client_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RELAY(a_file_goes_through_the_relay_bit_for_bit),
        WITH_RELAY(the_same_file_sent_twice_waits_once),
        WITH_RELAY(files_and_the_relays_key_survive_a_restart),
        WITH_RELAY(four_senders_at_once_lose_nothing),
        WITH_RELAY(altered_bytes_are_refused_and_not_kept),
        WITH_RELAY(a_relay_with_another_key_is_refused),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
