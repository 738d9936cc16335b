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
#include "base/file.h"
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
    assert_int_equal(mv_identity_load(&b, path(0, "a.id"), NULL), MV_OK);
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
    assert_memory_not_equal(a->seal_secret, b->seal_secret, sizeof a->seal_secret);
    assert_memory_not_equal(a->sign_secret, b->sign_secret, sizeof a->sign_secret);
    assert_memory_not_equal(a->card.id, b->card.id, sizeof a->card.id);
    assert_memory_not_equal(a->seal_secret, a->sign_seed, sizeof a->seal_secret);
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
        assert_int_equal(mv_identity_load(&b, path(0, "open.id"), &err), MV_E_POLICY);
        assert_string_equal(err.hint, hint);
        assert_null(b);
    }
    assert_int_equal(chmod(path(0, "open.id"), 0400), 0);
    assert_int_equal(mv_identity_load(&b, path(0, "open.id"), NULL), MV_OK);
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
    assert_int_equal(mv_identity_load(&c, path(0, "once.id"), NULL), MV_OK);
    assert_memory_equal(c->seed, a->seed, MV_SEED_LEN);
    mv_identity_free(&c);
    assert_int_equal(mv_identity_save(b, path(0, "once.id"), true, NULL), MV_OK);
    assert_int_equal(mv_identity_load(&c, path(0, "once.id"), NULL), MV_OK);
    assert_memory_equal(c->seed, b->seed, MV_SEED_LEN);
    mv_identity_free(&a);
    mv_identity_free(&b);
    mv_identity_free(&c);
}

static void damaged_identity_files_are_refused_without_their_content_in_the_message(void **state)
{
    mv_identity *a = identity_of(3), *b = NULL;
    (void)state;
    assert_int_equal(mv_identity_save(a, path(0, "whole.id"), false, NULL), MV_OK);
    char *text = read_text(path(0, "whole.id"));
    const char *line = strstr(text, "MVID-SECRET-0-1");
    assert_non_null(line);
    const size_t len = strlen(text), start = (size_t)(line - text);
    for (size_t cut = 0; cut < len - 1; cut++) { /* every truncation but the final newline */
        mv_error err = {0};
        assert_int_equal(mv_identity_read(&b, text, cut, "file", &err), MV_E_FORMAT);
        assert_null(strstr(err.text, "SECRET"));
    }
    for (size_t i = start; i < len - 1; i++) { /* every character of the line */
        mv_error err = {0};
        const char was = text[i];
        text[i] = was == 'Q' ? 'P' : 'Q';
        assert_int_equal(mv_identity_read(&b, text, len, "file", &err), MV_E_FORMAT);
        assert_null(strstr(err.text, line + 20));
        text[i] = was;
    }
    assert_null(b);
    free(text);
    mv_identity_free(&a);
}

static void an_identity_file_may_have_comments_and_foreign_line_ends(void **state)
{
    mv_identity *a = identity_of(3), *b = NULL;
    char again[2000];
    (void)state;
    assert_int_equal(mv_identity_save(a, path(0, "edited.id"), false, NULL), MV_OK);
    char *text = read_text(path(0, "edited.id"));
    const char *line = strstr(text, "MVID-SECRET-0-1");
    (void)snprintf(again, sizeof again, "# mine\r\n\r\n  %.*s\r\n# end", (int)strcspn(line, "\n"),
                   line);
    assert_int_equal(mv_identity_read(&b, again, strlen(again), "file", NULL), MV_OK);
    assert_memory_equal(a->seed, b->seed, MV_SEED_LEN);
    mv_identity_free(&b);
    (void)snprintf(again, sizeof again, "%s%s", text, line); /* two secrets: which one? */
    assert_int_equal(mv_identity_read(&b, again, strlen(again), "file", NULL), MV_E_FORMAT);
    free(text);
    mv_identity_free(&a);
}

static void other_files_given_as_identity_get_a_helpful_answer(void **state)
{
    const char card[] = "-----BEGIN MEDVEIL CARD-----\nAA==\n-----END MEDVEIL CARD-----\n";
    const char newer[] = "MVID-SECRET-1-1QQQQQQQQQQQQQQQQQ\n";
    mv_identity *b = NULL;
    mv_error err = {0};
    (void)state;
    assert_int_equal(mv_identity_read(&b, card, strlen(card), "x", &err), MV_E_FORMAT);
    assert_non_null(strstr(err.hint, "card"));
    err = (mv_error){0};
    assert_int_equal(mv_identity_read(&b, newer, strlen(newer), "x", &err), MV_E_FORMAT);
    assert_non_null(strstr(err.text, "newer"));
    err = (mv_error){0};
    assert_int_equal(mv_identity_load(&b, path(0, "none.id"), &err), MV_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "keygen"));
    assert_int_equal(mv_identity_load(&b, folder, NULL), MV_E_IO);
    char *large = calloc(1, 10000);
    memset(large, '#', 9999);
    write_text(path(0, "large.id"), large, 0600);
    assert_int_equal(mv_identity_load(&b, path(0, "large.id"), NULL), MV_E_FORMAT);
    free(large);
    assert_null(b);
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
    assert_true(info.st_size < 1024);
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
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] = card.bytes[i] ^ (uint8_t)(1u << bit);
            const mv_status st = mv_card_decode(&out, bytes, card.bytes_len, NULL);
            assert_true(st == MV_E_AUTH || st == MV_E_FORMAT);
            assert_int_equal(out.bytes_len, 0);
        }
        assert_int_equal(mv_card_decode(&out, card.bytes, i, NULL), MV_E_FORMAT);
    }
}

static void a_card_survives_mail(void **state)
{
    const mv_card card = card_of(7);
    mv_card back;
    char mail[4000], *out = mail;
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
    char two[4000];
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
    assert_null(strstr(err.text, "MVID-SECRET"));
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
    char command[300];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf %s/cards", folder);
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
    assert_true(mv_card_alias(alias, sizeof alias, card.id));
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
    assert_false(mv_card_alias(alias, sizeof alias, card.id));
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
    assert_false(mv_card_alias(alias, sizeof alias, a.id));
    assert_int_equal(mv_card_book_add(&a, "clinic", NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&a, "clinic", NULL), MV_OK);
    assert_int_equal(mv_card_book_add(&a, "other", NULL), MV_E_EXISTS);
    assert_true(mv_card_alias(alias, sizeof alias, a.id));
    assert_string_equal(alias, "clinic");
    assert_int_equal(cards_in_book(), 1);
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
        cmocka_unit_test(an_identity_file_may_have_comments_and_foreign_line_ends),
        cmocka_unit_test(other_files_given_as_identity_get_a_helpful_answer),
        cmocka_unit_test(a_card_saved_and_loaded_is_the_same),
        cmocka_unit_test(every_changed_or_missing_byte_of_a_card_is_noticed),
        cmocka_unit_test(a_card_survives_mail),
        cmocka_unit_test(a_truncated_card_file_is_refused_at_every_length),
        cmocka_unit_test(a_secret_given_as_card_is_answered_with_a_hint),
        cmocka_unit_test(a_card_name_reads_back_and_notices_typing_errors),
        cmocka_unit_test_setup(a_card_is_found_by_file_name_line_and_alias, empty_book),
        cmocka_unit_test_setup(an_unknown_card_is_answered_with_how_to_add_it, empty_book),
        cmocka_unit_test_setup(an_alias_means_one_card, empty_book),
        cmocka_unit_test_setup(adding_a_card_again_changes_nothing_but_a_missing_alias, empty_book),
        cmocka_unit_test_setup(odd_aliases_are_refused, empty_book),
        cmocka_unit_test_setup(a_damaged_file_in_the_book_is_named_and_hides_no_other_card,
                               empty_book),
        cmocka_unit_test_setup(a_known_alias_wins_over_a_file_somebody_left_in_the_folder,
                               empty_book),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
