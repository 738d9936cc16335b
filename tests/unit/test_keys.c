/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keys.c: sentences about identities, cards, the card book and Bech32m.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "envelope/armour.h"
#include "envelope/bech32.h"
#include "envelope/identity.h"

/* ---- a folder of our own, with a card book in it ---- */

static char folder[] = "/tmp/medveil-keys-XXXXXX";
static char path_text[4][256];

static const char *path(int slot, const char *name)
{
    (void)snprintf(path_text[slot], sizeof path_text[slot], "%s/%s", folder, name);
    return path_text[slot];
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL || setenv("MEDVEIL_HOME", folder, 1) != 0;
}

static int remove_folder(void **state)
{
    char command[300];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static mv_identity *identity_of(uint8_t first)
{
    uint8_t seed[MV_SEED_LEN] = {first};
    mv_identity *id = NULL;
    assert_int_equal(mv_identity_from_seed(&id, seed, 20000u + first), MV_OK);
    return id;
}

static mv_card card_of(uint8_t first)
{
    mv_identity *id = identity_of(first);
    mv_card card;
    mv_identity_card(&card, id);
    mv_identity_free(&id);
    return card;
}

static void write_text(const char *to, const char *text, mode_t mode)
{
    FILE *f = fopen(to, "wb");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(to, mode), 0);
}

static char *read_text(const char *from)
{
    mv_buffer b = mv_buffer_make(100000);
    assert_int_equal(mv_file_read(&b, from, NULL), MV_OK);
    assert_int_equal(mv_buffer_put_u8(&b, 0), MV_OK);
    return (char *)b.bytes;
}

/* ---- Bech32m ---- */

static void the_valid_strings_of_bip_350_are_valid(void **state)
{
    const struct {
        const char *line;
        size_t prefix_len;
    } cases[] = {
        {"A1LQFN3A", 1},
        {"a1lqfn3a", 1},
        {"an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7h"
         "g6",
         83},
        {"abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", 6},
        {"11lllllllllllllllllllllllllllllllllllllllllll"
         "lllllllllllllllllllllllllllllllllllllllludsr8",
         1},
        {"split1checkupstagehandshakeupstreamerranterredcaperredlc445v", 5},
        {"?1v759aa", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t prefix_len = 0;
        assert_true(mv_bech32m_valid(&prefix_len, cases[i].line, strlen(cases[i].line)));
        assert_int_equal(prefix_len, cases[i].prefix_len);
    }
}

static void the_invalid_strings_of_bip_350_are_refused(void **state)
{
    const char *cases[] = {
        "\x20"
        "1xj0phk",
        "\x7f"
        "1g6xzxy",
        "\x80"
        "1vctc34",
        "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pt"
        "s4",
        "qyrz8wqd2c9m",
        "1qyrz8wqd2c9m",
        "y1b0jsk6g",
        "lt1igcx5c0",
        "in1muywd",
        "mm1crxm3i",
        "au1s5cgom",
        "M1VUXWEZ",
        "16plkw9",
        "1p2gdwpf",
        "A1LQfN3A", /* mixed case */
        "a12uel5l", /* valid in the older Bech32 */
        "A1LQFN3",  /* too short */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t prefix_len = 0;
        assert_false(mv_bech32m_valid(&prefix_len, cases[i], strlen(cases[i])));
    }
}

/* The data of BIP-350's "split1checkup.." example. */
static const uint8_t split_data[30] = {0xc5, 0xf3, 0x8b, 0x70, 0x30, 0x5f, 0x51, 0x9b, 0xf6, 0x6d,
                                       0x85, 0xfb, 0x6c, 0xf0, 0x30, 0x58, 0xf3, 0xdd, 0xe4, 0x63,
                                       0xec, 0xd7, 0x91, 0x8f, 0x2d, 0xc7, 0x43, 0x91, 0x8f, 0x2d};
static const char split_line[] = "split1checkupstagehandshakeupstreamerranterredcaperredlc445v";

static void bytes_and_lines_turn_into_each_other(void **state)
{
    char line[MV_BECH32_LINE_MAX + 1];
    uint8_t back[30];
    (void)state;
    assert_int_equal(mv_bech32m_encode(line, sizeof line, "split", split_data, 30), MV_OK);
    assert_string_equal(line, split_line);
    assert_int_equal(mv_bech32m_decode(back, 30, "split", line, strlen(line)), MV_OK);
    assert_memory_equal(back, split_data, 30);
    assert_int_equal(mv_bech32m_decode(back, 30, "other", line, strlen(line)), MV_E_FORMAT);
    assert_int_equal(mv_bech32m_decode(back, 29, "split", line, strlen(line)), MV_E_FORMAT);
    assert_int_equal(back[0], 0);
    assert_int_equal(mv_bech32m_encode(line, strlen(split_line), "split", split_data, 30),
                     MV_E_SPACE);
    assert_int_equal(mv_bech32m_encode(line, sizeof line, "p", (uint8_t[60]){0}, 60), MV_E_LIMIT);
}

static void every_length_of_data_survives_the_line(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 50; len++) {
        char line[MV_BECH32_LINE_MAX + 1];
        uint8_t data[50], back[50];
        for (size_t i = 0; i < len; i++) {
            data[i] = (uint8_t)(37 * i + len);
        }
        assert_int_equal(mv_bech32m_encode(line, sizeof line, "mv", data, len), MV_OK);
        assert_int_equal(mv_bech32m_decode(back, len, "mv", line, strlen(line)), MV_OK);
        assert_memory_equal(back, data, len);
    }
}

static void one_or_two_wrong_characters_are_always_found(void **state)
{
    char line[sizeof split_line];
    uint8_t back[30];
    const size_t len = strlen(split_line);
    (void)state;
    for (size_t i = 6; i < len; i++) {
        for (size_t j = i; j < len; j++) {
            memcpy(line, split_line, sizeof line);
            line[i] = line[i] == 'q' ? 'p' : 'q';
            line[j] = line[j] == 'z' ? 'r' : 'z';
            assert_int_equal(mv_bech32m_decode(back, 30, "split", line, len), MV_E_FORMAT);
        }
    }
}

/* ---- identities ---- */

static void an_identity_saved_and_loaded_is_the_same(void **state)
{
    mv_identity *a = NULL, *b = NULL;
    struct stat info;
    (void)state;
    assert_int_equal(mv_identity_generate(&a), MV_OK);
    assert_int_equal(mv_identity_save(a, path(0, "a.id"), false, NULL), MV_OK);
    assert_int_equal(stat(path(0, "a.id"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(mv_identity_load(&b, path(0, "a.id"), NULL, NULL), MV_OK);
    assert_memory_equal(a, b, sizeof *a);
    mv_identity_free(&a);
    mv_identity_free(&b);
    assert_null(a);
}

static void two_identities_have_nothing_in_common(void **state)
{
    mv_identity *a = NULL, *b = NULL;
    (void)state;
    assert_int_equal(mv_identity_generate(&a), MV_OK);
    assert_int_equal(mv_identity_generate(&b), MV_OK);
    assert_memory_not_equal(a->seed, b->seed, sizeof a->seed);
    assert_memory_not_equal(a->seal.x25519, b->seal.x25519, sizeof a->seal.x25519);
    assert_memory_not_equal(a->seal.mlkem, b->seal.mlkem, 1152);
    assert_memory_not_equal(a->sign_secret, b->sign_secret, sizeof a->sign_secret);
    assert_memory_not_equal(a->card.id, b->card.id, sizeof a->card.id);
    assert_memory_not_equal(a->seal_seed, a->sign_seed, sizeof a->seal_seed);
    mv_identity_free(&a);
    mv_identity_free(&b);
}

static void an_identity_that_others_can_read_is_refused_with_the_mending_command(void **state)
{
    const mode_t modes[] = {0640, 0604, 0660, 0610, 0644};
    mv_identity *a = identity_of(1), *b = NULL;
    char hint[300];
    (void)state;
    assert_int_equal(mv_identity_save(a, path(0, "open.id"), false, NULL), MV_OK);
    (void)snprintf(hint, sizeof hint, "chmod 600 %s", path(0, "open.id"));
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        mv_error err = {0};
        assert_int_equal(chmod(path(0, "open.id"), modes[i]), 0);
        assert_int_equal(mv_identity_load(&b, path(0, "open.id"), NULL, &err), MV_E_POLICY);
        assert_string_equal(err.hint, hint);
        assert_null(b);
    }
    assert_int_equal(chmod(path(0, "open.id"), 0400), 0);
    assert_int_equal(mv_identity_load(&b, path(0, "open.id"), NULL, NULL), MV_OK);
    mv_identity_free(&a);
    mv_identity_free(&b);
}

static void an_existing_identity_is_replaced_only_when_told(void **state)
{
    mv_identity *a = identity_of(1), *b = identity_of(2), *c = NULL;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_identity_save(a, path(0, "once.id"), false, NULL), MV_OK);
    assert_int_equal(mv_identity_save(b, path(0, "once.id"), false, &err), MV_E_EXISTS);
    assert_int_equal(mv_identity_load(&c, path(0, "once.id"), NULL, NULL), MV_OK);
    assert_memory_equal(c->seed, a->seed, MV_SEED_LEN);
    mv_identity_free(&c);
    assert_int_equal(mv_identity_save(b, path(0, "once.id"), true, NULL), MV_OK);
    assert_int_equal(mv_identity_load(&c, path(0, "once.id"), NULL, NULL), MV_OK);
    assert_memory_equal(c->seed, b->seed, MV_SEED_LEN);
    mv_identity_free(&a);
    mv_identity_free(&b);
    mv_identity_free(&c);
}

/* Half-written files and every changed character of the block. */
static void damaged_identity_files_are_refused_without_their_content_in_the_message(void **state)
{
    mv_identity *a = identity_of(3), *b = NULL;
    (void)state;
    assert_int_equal(mv_identity_save(a, path(0, "whole.id"), false, NULL), MV_OK);
    char *text = read_text(path(0, "whole.id"));
    const size_t len = strlen(text);
    const char *begin = strstr(text, "-----BEGIN MEDVEIL IDENTITY-----\n");
    const char *body = strchr(begin, '\n') + 1;
    for (size_t cut = 0; cut < len - 1; cut++) { /* every truncation but the final newline */
        mv_error err = {0};
        const mv_status st = mv_identity_read(&b, text, cut, "file", NULL, &err);
        assert_true(st == MV_E_FORMAT || st == MV_E_TRUNCATED);
        assert_null(b);
        assert_int_not_equal(err.text[0], 0);
    }
    for (size_t i = (size_t)(begin - text); i < len - 1; i++) {
        mv_error err = {0};
        const char was = text[i];
        char line[65] = "";
        (void)snprintf(line, sizeof line, "%.64s", body);
        text[i] = was == 'Q' ? 'P' : 'Q';
        assert_int_not_equal(mv_identity_read(&b, text, len, "file", NULL, &err), MV_OK);
        assert_null(b);
        assert_null(strstr(err.text, line));
        text[i] = was;
    }
    free(text);
    mv_identity_free(&a);
}

static void an_identity_file_may_have_text_around_it_and_foreign_line_ends(void **state)
{
    mv_identity *a = identity_of(3), *b = NULL;
    static char again[3 * MV_IDENTITY_FILE_MAX];
    char *out = again;
    (void)state;
    assert_int_equal(mv_identity_save(a, path(0, "edited.id"), false, NULL), MV_OK);
    char *text = read_text(path(0, "edited.id"));
    out += sprintf(out, "# mine\r\n\r\n");
    for (const char *c = text; *c != '\0'; c++) {
        out += *c == '\n' ? sprintf(out, "\r\n") : sprintf(out, "%c", *c);
    }
    (void)sprintf(out, "# end");
    assert_int_equal(mv_identity_read(&b, again, strlen(again), "file", NULL, NULL), MV_OK);
    assert_memory_equal(a, b, sizeof *a);
    mv_identity_free(&b);
    (void)sprintf(out, "%s", text); /* two secrets: which one? */
    assert_int_equal(mv_identity_read(&b, again, strlen(again), "file", NULL, NULL), MV_E_FORMAT);
    free(text);
    mv_identity_free(&a);
}

/* The file's CBOR with another version in its third byte. */
static void an_identity_of_a_newer_version_is_named_as_such(void **state)
{
    static const uint8_t body[] = {0xa3, 0x01, 0x02, 0x02, 0x41, 0x00, 0x03, 0x41, 0x00};
    mv_buffer text = mv_buffer_make(1000);
    mv_identity *b = NULL;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_armour_write(&text, MV_ARMOUR_IDENTITY, "#", body, sizeof body), MV_OK);
    assert_int_equal(mv_identity_read(&b, (const char *)text.bytes, text.len, "x.id", NULL, &err),
                     MV_E_FORMAT);
    assert_non_null(strstr(err.text, "x.id is an identity of version 2"));
    assert_null(b);
    mv_buffer_clear(&text);
}

static void other_files_given_as_identity_get_a_helpful_answer(void **state)
{
    const char card[] = "-----BEGIN MEDVEIL CARD-----\nAA==\n-----END MEDVEIL CARD-----\n";
    const char trial[] = "MVID-SECRET-0-1QQQQQQQQQQQQQQQQQ\n";
    mv_identity *b = NULL;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_identity_read(&b, card, strlen(card), "x", NULL, &err), MV_E_FORMAT);
    assert_non_null(strstr(err.hint, "card"));
    err = (mv_error){0};
    assert_int_equal(mv_identity_read(&b, trial, strlen(trial), "x", NULL, &err), MV_E_FORMAT);
    assert_non_null(strstr(err.hint, "trial"));
    assert_null(strstr(err.text, "SECRET"));
    err = (mv_error){0};
    assert_int_equal(mv_identity_load(&b, path(0, "none.id"), NULL, &err), MV_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "keygen"));
    assert_int_equal(mv_identity_load(&b, folder, NULL, NULL), MV_E_IO);
    char *large = calloc(1, 10000);
    memset(large, '#', 9999);
    write_text(path(0, "large.id"), large, 0600);
    assert_int_equal(mv_identity_load(&b, path(0, "large.id"), NULL, NULL), MV_E_LIMIT);
    free(large);
    assert_null(b);
}

/* ---- passphrases ---- */

static const mv_lock_cost cheap = {1, 8};

typedef struct answer {
    const char *text;
    size_t len;
    int asked;
    mv_status st;
} answer;

static mv_status give(void *user, char *out, size_t *len, const char *name, mv_error *err)
{
    answer *a = user;
    (void)name;
    (void)err;
    a->asked++;
    memcpy(out, a->text, a->len < MV_PASSPHRASE_MAX ? a->len : MV_PASSPHRASE_MAX);
    *len = a->len;
    return a->st;
}

static mv_identity *locked_identity(const char *file, const char *passphrase)
{
    mv_identity *a = identity_of(21);
    assert_int_equal(mv_identity_lock(a, passphrase, strlen(passphrase), &cheap, NULL), MV_OK);
    assert_int_equal(mv_identity_save(a, file, true, NULL), MV_OK);
    return a;
}

static void a_locked_identity_opens_with_its_passphrase_and_asks_once(void **state)
{
    const char *file = path(0, "locked.id");
    mv_identity *a = locked_identity(file, "correct horse"), *b = NULL;
    answer right = {"correct horse", 13, 0, MV_OK};
    const mv_unlock unlock = {give, &right};
    (void)state;
    assert_int_equal(mv_identity_load(&b, file, &unlock, NULL), MV_OK);
    assert_memory_equal(a, b, sizeof *a);
    assert_int_equal(right.asked, 1);
    assert_int_equal(mv_identity_save(b, file, true, NULL), MV_OK); /* still locked */
    mv_identity_free(&b);
    assert_int_equal(mv_identity_load(&b, file, NULL, NULL), MV_E_WRONG_KEY);
    mv_identity_free(&a);
}

static void a_wrong_passphrase_is_a_wrong_key(void **state)
{
    const char *wrong[] = {"", "correct hors", "correct horse ", "Correct horse"};
    const char *file = path(0, "wrong.id");
    mv_identity *a = locked_identity(file, "correct horse"), *b = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        answer given = {wrong[i], strlen(wrong[i]), 0, MV_OK};
        const mv_unlock unlock = {give, &given};
        mv_error err = {0};
        assert_int_equal(mv_identity_load(&b, file, &unlock, &err), MV_E_WRONG_KEY);
        assert_non_null(strstr(err.text, "passphrase"));
        assert_int_equal(given.asked, 1);
        assert_null(b);
    }
    answer refused = {"", 0, 0, MV_E_INTERRUPTED};
    const mv_unlock unlock = {give, &refused};
    assert_int_equal(mv_identity_load(&b, file, &unlock, NULL), MV_E_INTERRUPTED);
    mv_identity_free(&a);
}

static void the_seed_of_a_locked_identity_is_not_in_its_file(void **state)
{
    mv_identity *a = locked_identity(path(0, "box.id"), "p");
    char *text = read_text(path(0, "box.id"));
    uint8_t body[3000];
    size_t len = 0;
    (void)state;
    assert_int_equal(
        mv_armour_read(body, sizeof body, &len, MV_ARMOUR_IDENTITY, text, strlen(text), NULL),
        MV_OK);
    assert_null(memmem(body, len, a->seed, sizeof a->seed));
    assert_non_null(memmem(body, len, a->card.bytes, a->card.bytes_len));
    free(text);
    mv_identity_free(&a);
}

/* Two locks of one passphrase have nothing in common, and no cost outside the bounds is used. */
static void locks_are_fresh_and_bounded(void **state)
{
    const mv_lock_cost bad[] = {{0, 8}, {17, 8}, {1, 7}, {1, (1u << 20) + 1}};
    mv_identity *a = identity_of(22);
    mv_lock first;
    char long_one[MV_PASSPHRASE_MAX + 1] = {'x'};
    (void)state;
    assert_int_equal(mv_identity_lock(a, "p", 1, &cheap, NULL), MV_OK);
    first = a->lock;
    assert_int_equal(mv_identity_lock(a, "p", 1, &cheap, NULL), MV_OK);
    assert_memory_not_equal(first.salt, a->lock.salt, sizeof first.salt);
    assert_memory_not_equal(first.box, a->lock.box, sizeof first.box);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(mv_identity_lock(a, "p", 1, &bad[i], NULL), MV_E_ARGUMENT);
    }
    assert_int_equal(mv_identity_lock(a, "", 0, &cheap, NULL), MV_E_ARGUMENT);
    assert_int_equal(mv_identity_lock(a, long_one, sizeof long_one, &cheap, NULL), MV_E_ARGUMENT);
    a->lock.cost.memory_kib = 1u << 30; /* what a hostile file may say */
    assert_int_equal(mv_identity_save(a, path(0, "greedy.id"), false, NULL), MV_OK);
    mv_identity_free(&a);
    answer given = {"p", 1, 0, MV_OK};
    const mv_unlock unlock = {give, &given};
    assert_int_equal(mv_identity_load(&a, path(0, "greedy.id"), &unlock, NULL), MV_E_LIMIT);
    assert_int_equal(given.asked, 0);
}

/* ---- renewal, days, revocation ---- */

static mv_card renewed(mv_identity *id, uint32_t created, uint32_t expires)
{
    const mv_card_terms terms = {created, expires, NULL};
    mv_card card;
    assert_int_equal(mv_identity_renew(id, &terms, NULL), MV_OK);
    mv_identity_card(&card, id);
    return card;
}

static void a_renewed_card_has_the_same_keys_and_other_dates(void **state)
{
    const uint8_t he[32] = {1, 2, 3};
    mv_identity *id = identity_of(23), *back = NULL;
    const mv_card old = id->card;
    const mv_card_terms terms = {20100, 20465, he}, early = {20000, 0, NULL},
                        odd = {20200, 20199, he};
    mv_card card;
    char spoken[2][MV_CARD_SPOKEN_MAX];
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_identity_renew(id, &terms, NULL), MV_OK);
    assert_int_equal(mv_card_decode(&card, id->card.bytes, id->card.bytes_len, NULL), MV_OK);
    assert_memory_equal(&card, &id->card, sizeof card);
    assert_true(mv_card_same_owner(&card, &old));
    assert_memory_equal(card.seal_public, old.seal_public, sizeof card.seal_public);
    assert_memory_not_equal(card.id, old.id, sizeof card.id);
    assert_int_equal(card.expires_day, 20465);
    assert_true(card.has_he_public);
    assert_memory_equal(card.he_public_hash, he, sizeof he);
    mv_card_spoken(spoken[0], &old);
    mv_card_spoken(spoken[1], &card);
    assert_string_equal(spoken[0], spoken[1]);
    assert_int_equal(mv_identity_renew(id, &early, &err), MV_E_POLICY); /* a clock gone back */
    assert_non_null(strstr(err.hint, "clock"));
    assert_int_equal(mv_identity_renew(id, &odd, NULL), MV_E_ARGUMENT);
    assert_int_equal(mv_identity_save(id, path(0, "renewed.id"), false, NULL), MV_OK);
    assert_int_equal(mv_identity_load(&back, path(0, "renewed.id"), NULL, NULL), MV_OK);
    assert_memory_equal(back, id, sizeof *id);
    mv_identity_free(&id);
    mv_identity_free(&back);
}

static void a_card_warns_before_it_expires_and_a_wrong_clock_is_suspected(void **state)
{
    mv_identity *id = identity_of(24); /* of day 20024 */
    const mv_card card = renewed(id, 20100, 20200);
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_card_state_on(&card, 20098), MV_CARD_NOT_YET);
    assert_int_equal(mv_card_state_on(&card, 20099), MV_CARD_VALID); /* another time zone */
    assert_int_equal(mv_card_state_on(&card, 20169), MV_CARD_VALID);
    assert_int_equal(mv_card_state_on(&card, 20170), MV_CARD_EXPIRES_SOON);
    assert_int_equal(mv_card_state_on(&card, 20200), MV_CARD_EXPIRES_SOON);
    assert_int_equal(mv_card_state_on(&card, 20201), MV_CARD_EXPIRED);
    assert_int_equal(mv_card_check(&card, 20200, NULL), MV_OK);
    assert_int_equal(mv_card_check(&card, 20201, &err), MV_E_POLICY);
    assert_non_null(strstr(err.text, "expired on 2025-04-22"));
    assert_non_null(strstr(err.hint, "card renew"));
    assert_non_null(strstr(err.hint, "clock"));
    err = (mv_error){0};
    assert_int_equal(mv_card_check(&card, 0, &err), MV_E_POLICY); /* a clock that was never set */
    assert_non_null(strstr(err.text, "in the future"));
    assert_non_null(strstr(err.hint, "1970-01-01"));
    mv_identity_free(&id);
}

static void days_are_written_and_read(void **state)
{
    const char *bad[] = {"", "2026-13-01", "2026-06-31", "2026-6-1", "2026-11-22x", "1969-12-31"};
    char text[MV_DAY_TEXT_MAX];
    uint32_t day = 0;
    (void)state;
    assert_true(mv_day_parse(&day, "2026-11-22"));
    assert_int_equal(day, 20779);
    mv_day_text(text, day);
    assert_string_equal(text, "2026-11-22");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(mv_day_parse(&day, bad[i]));
    }
}

static void digits_to_read_aloud_differ_between_owners(void **state)
{
    const mv_card a = card_of(25), b = card_of(26);
    char one[MV_CARD_SPOKEN_MAX], two[MV_CARD_SPOKEN_MAX];
    (void)state;
    mv_card_spoken(one, &a);
    mv_card_spoken(two, &b);
    assert_int_equal(strlen(one), 47);
    assert_int_equal(strspn(one, "0123456789 "), 47);
    assert_string_not_equal(one, two);
}

static mv_revocation revocation_of(const mv_identity *id)
{
    mv_revocation r;
    assert_int_equal(mv_revocation_make(&r, id, 20300), MV_OK);
    return r;
}

static void a_revocation_saved_and_loaded_is_the_same_and_every_change_is_noticed(void **state)
{
    mv_identity *id = identity_of(27);
    const mv_revocation r = revocation_of(id);
    mv_revocation back;
    (void)state;
    assert_int_equal(mv_revocation_save(&r, path(0, "r.txt"), false, NULL), MV_OK);
    assert_int_equal(mv_revocation_load(&back, path(0, "r.txt"), NULL), MV_OK);
    assert_memory_equal(&back, &r, sizeof r);
    char *text = read_text(path(0, "r.txt"));
    const size_t len = strlen(text), start = (size_t)(strstr(text, "-----BEGIN") - text);
    for (size_t i = start; i < len - 1; i++) {
        const char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_int_not_equal(mv_revocation_read(&back, (uint8_t *)text, len, NULL), MV_OK);
        text[i] = was;
        assert_int_not_equal(mv_revocation_read(&back, (uint8_t *)text, i, NULL), MV_OK);
    }
    free(text);
    mv_identity_free(&id);
}

/* ---- cards ---- */

static void a_card_saved_and_loaded_is_the_same(void **state)
{
    const mv_card card = card_of(5);
    mv_card back;
    struct stat info;
    (void)state;
    assert_int_equal(mv_card_save(&card, path(0, "five.card"), false, NULL), MV_OK);
    assert_int_equal(stat(path(0, "five.card"), &info), 0);
    assert_in_range(info.st_size, 1500, 2500);
    assert_int_equal(mv_card_load(&back, path(0, "five.card"), NULL), MV_OK);
    assert_memory_equal(&back, &card, sizeof card);
    assert_int_equal(mv_card_save(&card, path(0, "five.card"), false, NULL), MV_E_EXISTS);
}

static void every_changed_or_missing_byte_of_a_card_is_noticed(void **state)
{
    const mv_card card = card_of(6);
    mv_card out;
    (void)state;
    for (size_t i = 0; i < card.bytes_len; i++) {
        uint8_t bytes[MV_CARD_BYTES_MAX];
        memcpy(bytes, card.bytes, card.bytes_len);
        bytes[i] = card.bytes[i] ^ (uint8_t)(1u << i % 8);
        const mv_status st = mv_card_decode(&out, bytes, card.bytes_len, NULL);
        assert_true(st == MV_E_AUTH || st == MV_E_FORMAT);
        assert_int_equal(out.bytes_len, 0);
        assert_int_equal(mv_card_decode(&out, card.bytes, i, NULL), MV_E_FORMAT);
    }
}

/* Its owner, or who took the owner's signing key, can sign any bytes. */
static void a_card_whose_keys_cannot_be_used_is_refused(void **state)
{
    mv_identity *id = identity_of(9);
    mv_error err = {0};
    (void)state;
    for (int way = 0; way < 2; way++) {
        mv_card card = id->card, out;
        if (way == 0) {
            memset(card.seal_public + 300, 0xff, 3); /* coefficients of 4095 */
        } else {
            memset(card.seal_public + sizeof card.seal_public - 32, 0, 32); /* a small order */
        }
        assert_int_equal(mv_card_make(&card, id->sign_secret), MV_OK);
        assert_int_equal(mv_card_decode(&out, card.bytes, card.bytes_len, &err), MV_E_FORMAT);
        assert_non_null(strstr(err.text, "not a valid public key"));
        assert_int_equal(out.bytes_len, 0);
    }
    mv_identity_free(&id);
}

static void a_card_survives_mail(void **state)
{
    const mv_card card = card_of(7);
    mv_card back;
    char mail[8000], *out = mail;
    (void)state;
    assert_int_equal(mv_card_save(&card, path(0, "seven.card"), false, NULL), MV_OK);
    char *text = read_text(path(0, "seven.card"));
    out += sprintf(out, "Dear colleague,\r\nhere is my card\r\n\r\n");
    for (const char *c = text; *c != '\0'; c++) { /* CR LF, and indented as in a reply */
        out += *c == '\n' ? sprintf(out, "\r\n") : sprintf(out, "%c", *c);
    }
    (void)sprintf(out, "Regards\r\n");
    assert_int_equal(mv_card_read(&back, (const uint8_t *)mail, strlen(mail), NULL), MV_OK);
    assert_memory_equal(&back, &card, sizeof card);
    char two[8000];
    (void)snprintf(two, sizeof two, "%s%s", text, text);
    assert_int_equal(mv_card_read(&back, (const uint8_t *)two, strlen(two), NULL), MV_E_FORMAT);
    free(text);
}

static void a_truncated_card_file_is_refused_at_every_length(void **state)
{
    const mv_card card = card_of(8);
    mv_card back;
    (void)state;
    assert_int_equal(mv_card_save(&card, path(0, "cut.card"), false, NULL), MV_OK);
    char *text = read_text(path(0, "cut.card"));
    for (size_t len = 0; len < strlen(text) - 1; len++) {
        assert_int_not_equal(mv_card_read(&back, (const uint8_t *)text, len, NULL), MV_OK);
        assert_int_equal(back.bytes_len, 0);
    }
    free(text);
}

static void a_secret_given_as_card_is_answered_with_a_hint(void **state)
{
    mv_identity *a = identity_of(9);
    mv_card card;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_identity_save(a, path(0, "nine.id"), false, NULL), MV_OK);
    assert_int_equal(mv_card_load(&card, path(0, "nine.id"), &err), MV_E_FORMAT);
    assert_non_null(strstr(err.hint, "FILE.card"));
    mv_identity_free(&a);
}

static void a_card_name_reads_back_and_notices_typing_errors(void **state)
{
    const mv_card card = card_of(10);
    char name[MV_CARD_NAME_MAX];
    uint8_t id[MV_CARD_ID_LEN];
    (void)state;
    mv_card_name(name, card.id);
    assert_int_equal(strlen(name), 61);
    assert_memory_equal(name, "mv1", 3);
    assert_int_equal(mv_card_name_parse(id, name), MV_OK);
    assert_memory_equal(id, card.id, sizeof id);
    name[30] = name[30] == 'q' ? 'p' : 'q';
    assert_int_equal(mv_card_name_parse(id, name), MV_E_FORMAT);
}

/* ---- the card book ---- */

static mv_status count_card(void *user, const mv_card *card, const char *alias)
{
    (void)card;
    (void)alias;
    (*(int *)user)++;
    return MV_OK;
}

static int cards_in_book(void)
{
    int n = 0;
    const mv_status st = mv_card_book_each(count_card, &n, NULL);
    (void)st;
    return n;
}

static int empty_book(void **state)
{
    char command[600];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s/cards %s/revoked", folder, folder);
    return system(command);
}

static void a_card_is_found_by_file_name_line_and_alias(void **state)
{
    const mv_card card = card_of(11);
    char name[MV_CARD_NAME_MAX], alias[64];
    mv_card found;
    (void)state;
    mv_card_name(name, card.id);
    assert_int_equal(cards_in_book(), 0); /* no folder yet: an empty book */
    assert_int_equal(mv_card_save(&card, path(0, "eleven.card"), false, NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&card, "radiology", NULL), MV_OK);
    const char *ways[] = {path(0, "eleven.card"), name, "radiology"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mv_card_find(&found, ways[i], NULL), MV_OK);
        assert_memory_equal(&found, &card, sizeof card);
    }
    assert_true(mv_card_alias(alias, sizeof alias, &card));
    assert_string_equal(alias, "radiology");
}

static void an_unknown_card_is_answered_with_how_to_add_it(void **state)
{
    const mv_card card = card_of(12);
    char name[MV_CARD_NAME_MAX], alias[64];
    mv_card found;
    (void)state;
    mv_card_name(name, card.id);
    const char *ways[] = {name, "nobody", "./nobody.card"};
    for (int i = 0; i < 3; i++) {
        mv_error err = {0};
        assert_int_equal(mv_card_find(&found, ways[i], &err), MV_E_NOT_FOUND);
        assert_non_null(strstr(err.hint, "medveil card add FILE --alias NAME"));
    }
    name[20] = name[20] == 'q' ? 'p' : 'q';
    assert_int_equal(mv_card_find(&found, name, NULL), MV_E_FORMAT);
    assert_false(mv_card_alias(alias, sizeof alias, &card));
}

static void an_alias_means_one_card(void **state)
{
    const mv_card a = card_of(13), b = card_of(14);
    mv_error err = {0};
    mv_card found;
    (void)state;
    assert_int_equal(mv_card_book_add(&a, "ward", NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&b, "ward", &err), MV_E_EXISTS);
    assert_non_null(strstr(err.text, "ward"));
    assert_int_equal(mv_card_find(&found, "ward", NULL), MV_OK);
    assert_memory_equal(&found, &a, sizeof a);
    assert_int_equal(cards_in_book(), 1);
}

static void adding_a_card_again_changes_nothing_but_a_missing_alias(void **state)
{
    const mv_card a = card_of(15);
    char alias[64];
    (void)state;
    assert_int_equal(mv_card_book_add(&a, NULL, NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&a, NULL, NULL), MV_OK);
    assert_false(mv_card_alias(alias, sizeof alias, &a));
    assert_int_equal(mv_card_book_add(&a, "clinic", NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&a, "clinic", NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&a, "other", NULL), MV_E_EXISTS);
    assert_true(mv_card_alias(alias, sizeof alias, &a));
    assert_string_equal(alias, "clinic");
    assert_int_equal(cards_in_book(), 1);
}

static void a_renewed_card_takes_the_place_of_the_old_one(void **state)
{
    mv_identity *id = identity_of(28);
    const mv_card old = id->card, card = renewed(id, 20500, 20600);
    mv_card found;
    char alias[64], name[MV_CARD_NAME_MAX];
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_card_book_add(&old, "lab", NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&card, NULL, NULL), MV_OK);
    assert_int_equal(mv_card_find(&found, "lab", NULL), MV_OK);
    assert_memory_equal(&found, &card, sizeof card);
    assert_int_equal(cards_in_book(), 1);
    assert_true(mv_card_alias(alias, sizeof alias, &old)); /* who sealed it, by the old card */
    assert_string_equal(alias, "lab");
    assert_int_equal(mv_card_book_add(&old, NULL, &err), MV_E_POLICY); /* no way back */
    assert_non_null(strstr(err.text, "newer"));
    assert_int_equal(mv_card_book_add(&card, "other", NULL), MV_E_EXISTS);

    assert_int_equal(mv_card_book_remove("lab", NULL), MV_OK); /* the same without an alias */
    assert_int_equal(mv_card_book_add(&old, NULL, NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&card, NULL, NULL), MV_OK);
    mv_card_name(name, card.id);
    assert_int_equal(mv_card_find(&found, name, NULL), MV_OK);
    assert_int_equal(cards_in_book(), 1);
    mv_identity_free(&id);
}

static void a_card_is_removed_by_alias_or_name_line(void **state)
{
    const mv_card a = card_of(29), b = card_of(30);
    char name[MV_CARD_NAME_MAX];
    const char *unknown[] = {"ward", "../cards/ward", "", "mv1nonsense"};
    (void)state;
    assert_int_equal(mv_card_book_add(&a, "ward", NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&b, "bench", NULL), MV_OK);
    assert_int_equal(mv_card_book_remove("ward", NULL), MV_OK);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(mv_card_book_remove(unknown[i], NULL), MV_E_NOT_FOUND);
    }
    mv_card_name(name, b.id);
    assert_int_equal(mv_card_book_remove(name, NULL), MV_OK);
    assert_int_equal(cards_in_book(), 0);
}

static void a_revoked_card_is_neither_added_nor_sealed_for(void **state)
{
    mv_identity *id = identity_of(31);
    const mv_card old = id->card, later = renewed(id, 20500, 0), other = card_of(32);
    const mv_revocation r = revocation_of(id);
    uint32_t day = 1;
    mv_error err = {0};
    (void)state;
    assert_false(mv_card_revoked(&day, &old));
    assert_int_equal(mv_card_check(&old, 20400, NULL), MV_OK);
    assert_int_equal(mv_revocation_add(&r, NULL), MV_OK);
    assert_int_equal(mv_revocation_add(&r, NULL), MV_OK);
    assert_true(mv_card_revoked(&day, &old));
    assert_int_equal(day, 20300);
    assert_int_equal(mv_card_check(&old, 20400, &err), MV_E_POLICY);
    assert_non_null(strstr(err.text, "revoked"));
    assert_int_equal(mv_card_book_add(&later, "late", NULL), MV_E_POLICY);
    assert_int_equal(mv_card_book_add(&other, "fine", NULL), MV_OK);
    assert_int_equal(cards_in_book(), 1);
    mv_identity_free(&id);
}

/* Nobody takes a revocation back by damaging the list. */
static void a_damaged_statement_on_the_list_still_revokes(void **state)
{
    mv_identity *id = identity_of(33);
    const mv_revocation r = revocation_of(id);
    char command[600];
    uint32_t day = 1;
    (void)state;
    assert_int_equal(mv_revocation_add(&r, NULL), MV_OK);
    (void)snprintf(command, sizeof command, "for f in %s/revoked/*; do echo x > \"$f\"; done",
                   folder);
    assert_int_equal(system(command), 0);
    assert_true(mv_card_revoked(&day, &id->card));
    assert_int_equal(day, 0);
    assert_int_equal(mv_card_check(&id->card, 20400, NULL), MV_E_POLICY);
    mv_identity_free(&id);
}

static void odd_aliases_are_refused(void **state)
{
    const char *bad[] = {"-r",
                         ".hidden",
                         "a/b",
                         "mv1abc",
                         "a b",
                         "a\nb",
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    const mv_card a = card_of(16);
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(mv_card_book_add(&a, bad[i], NULL), MV_E_ARGUMENT);
    }
    assert_int_equal(cards_in_book(), 0);
}

static void a_damaged_file_in_the_book_is_named_and_hides_no_other_card(void **state)
{
    const mv_card a = card_of(17);
    char name[MV_CARD_NAME_MAX];
    mv_card found;
    mv_error err = {0};
    int n = 0;
    (void)state;
    assert_int_equal(mv_card_book_add(&a, "good", NULL), MV_OK);
    write_text(path(0, "cards/broken.card"), "half", 0644);
    mv_card_name(name, a.id);
    assert_int_equal(mv_card_find(&found, name, NULL), MV_OK);
    assert_int_equal(mv_card_book_each(count_card, &n, &err), MV_E_FORMAT);
    assert_int_equal(n, 1);
    assert_non_null(strstr(err.text, "broken.card"));
}

static void a_known_alias_wins_over_a_file_somebody_left_in_the_folder(void **state)
{
    const mv_card a = card_of(18), b = card_of(19);
    char here[4096];
    mv_card found;
    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(mv_card_book_add(&a, "bob", NULL), MV_OK);
    assert_int_equal(mv_card_save(&b, path(0, "bob"), false, NULL), MV_OK);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(mv_card_find(&found, "bob", NULL), MV_OK);
    assert_memory_equal(found.id, a.id, sizeof a.id);
    assert_int_equal(mv_card_find(&found, "./bob", NULL), MV_OK);
    assert_memory_equal(found.id, b.id, sizeof b.id);
    assert_int_equal(chdir(here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_valid_strings_of_bip_350_are_valid),
        cmocka_unit_test(the_invalid_strings_of_bip_350_are_refused),
        cmocka_unit_test(bytes_and_lines_turn_into_each_other),
        cmocka_unit_test(every_length_of_data_survives_the_line),
        cmocka_unit_test(one_or_two_wrong_characters_are_always_found),
        cmocka_unit_test(an_identity_saved_and_loaded_is_the_same),
        cmocka_unit_test(two_identities_have_nothing_in_common),
        cmocka_unit_test(an_identity_that_others_can_read_is_refused_with_the_mending_command),
        cmocka_unit_test(an_existing_identity_is_replaced_only_when_told),
        cmocka_unit_test(damaged_identity_files_are_refused_without_their_content_in_the_message),
        cmocka_unit_test(an_identity_file_may_have_text_around_it_and_foreign_line_ends),
        cmocka_unit_test(an_identity_of_a_newer_version_is_named_as_such),
        cmocka_unit_test(other_files_given_as_identity_get_a_helpful_answer),
        cmocka_unit_test(a_locked_identity_opens_with_its_passphrase_and_asks_once),
        cmocka_unit_test(a_wrong_passphrase_is_a_wrong_key),
        cmocka_unit_test(the_seed_of_a_locked_identity_is_not_in_its_file),
        cmocka_unit_test(locks_are_fresh_and_bounded),
        cmocka_unit_test(a_renewed_card_has_the_same_keys_and_other_dates),
        cmocka_unit_test(a_card_warns_before_it_expires_and_a_wrong_clock_is_suspected),
        cmocka_unit_test(days_are_written_and_read),
        cmocka_unit_test(digits_to_read_aloud_differ_between_owners),
        cmocka_unit_test(a_revocation_saved_and_loaded_is_the_same_and_every_change_is_noticed),
        cmocka_unit_test(a_card_saved_and_loaded_is_the_same),
        cmocka_unit_test(every_changed_or_missing_byte_of_a_card_is_noticed),
        cmocka_unit_test(a_card_whose_keys_cannot_be_used_is_refused),
        cmocka_unit_test(a_card_survives_mail),
        cmocka_unit_test(a_truncated_card_file_is_refused_at_every_length),
        cmocka_unit_test(a_secret_given_as_card_is_answered_with_a_hint),
        cmocka_unit_test(a_card_name_reads_back_and_notices_typing_errors),
        cmocka_unit_test_setup(a_card_is_found_by_file_name_line_and_alias, empty_book),
        cmocka_unit_test_setup(an_unknown_card_is_answered_with_how_to_add_it, empty_book),
        cmocka_unit_test_setup(an_alias_means_one_card, empty_book),
        cmocka_unit_test_setup(adding_a_card_again_changes_nothing_but_a_missing_alias, empty_book),
        cmocka_unit_test_setup(a_renewed_card_takes_the_place_of_the_old_one, empty_book),
        cmocka_unit_test_setup(a_card_is_removed_by_alias_or_name_line, empty_book),
        cmocka_unit_test_setup(a_revoked_card_is_neither_added_nor_sealed_for, empty_book),
        cmocka_unit_test_setup(a_damaged_statement_on_the_list_still_revokes, empty_book),
        cmocka_unit_test_setup(odd_aliases_are_refused, empty_book),
        cmocka_unit_test_setup(a_damaged_file_in_the_book_is_named_and_hides_no_other_card,
                               empty_book),
        cmocka_unit_test_setup(a_known_alias_wins_over_a_file_somebody_left_in_the_folder,
                               empty_book),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
