/* SPDX-License-Identifier: Apache-2.0
 *
 * people.c: passphrases from a file or the terminal, and dates on cards.
 */
#include "people.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "ui.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- passphrases ---- */

/* The file's content without its last line end. */
static mv_status from_file(char *out, size_t *len, const char *path, mv_error *err)
{
    const mv_status st = mv_private_read(out, MV_PASSPHRASE_MAX, len, path, "passphrase file", err);
    if (st == MV_OK && *len != 0 && out[*len - 1] == '\n') {
        (*len)--;
    }
    if (st == MV_OK && *len != 0 && out[*len - 1] == '\r') {
        (*len)--;
    }
    return st;
}

/* One line, byte by byte, so that nothing of it stays in a buffer. */
static mv_status read_line(char *out, size_t *len, int terminal, mv_error *err)
{
    char c = 0;
    for (*len = 0;;) {
        const ssize_t got = read(terminal, &c, 1);
        if (got < 0 && errno == EINTR && !ui_interrupted()) {
            continue;
        }
        if (got < 0) {
            return mv_fail(err, MV_E_INTERRUPTED, "interrupted");
        }
        if (got == 0 || c == '\n') {
            return MV_OK;
        }
        if (*len == MV_PASSPHRASE_MAX) {
            return mv_fail(err, MV_E_LIMIT, "a passphrase has at most %d bytes", MV_PASSPHRASE_MAX);
        }
        out[(*len)++] = c;
    }
}

static mv_status from_terminal(char *out, size_t *len, const char *prompt, mv_error *err)
{
    struct termios shown, hidden;
    const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (terminal < 0 || tcgetattr(terminal, &shown) != 0) {
        if (terminal >= 0) {
            (void)close(terminal);
        }
        mv_hint(err, "give it with --passphrase-file FILE");
        return mv_fail(err, MV_E_WRONG_KEY, "a passphrase is needed and there is no terminal");
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(terminal, TCSAFLUSH, &hidden);
    (void)dprintf(terminal, "%s: ", prompt);
    const mv_status st = read_line(out, len, terminal, err);
    (void)tcsetattr(terminal, TCSAFLUSH, &shown);
    (void)dprintf(terminal, "\n");
    (void)close(terminal);
    return st;
}

static mv_status ask(void *user, char *out, size_t *len, const char *path, mv_error *err)
{
    const char *file = cli_value(user, "passphrase-file");
    char prompt[256];

    if (file != NULL) {
        return from_file(out, len, file, err);
    }
    (void)snprintf(prompt, sizeof prompt, "passphrase of %.200s", path);
    return from_terminal(out, len, prompt, err);
}

static mv_status typed_twice(char *out, size_t *len, mv_error *err)
{
    mv_status st = MV_OK;
    void *again = NULL;
    size_t again_len = 0;

    MV_TRY(mv_secret_new(&again, MV_PASSPHRASE_MAX));
    MV_TRY(from_terminal(out, len, "new passphrase", err));
    MV_TRY(from_terminal(again, &again_len, "the same once more", err));
    MV_REQUIRE(*len == again_len && mv_equal_ct((const uint8_t *)out, again, again_len), err,
               MV_E_MISMATCH, "the two passphrases differ");
done:
    mv_secret_free(&again);
    return st;
}

mv_status people_new_passphrase(char *out, size_t *len, const char *file, mv_error *err)
{
    const mv_status st = file != NULL ? from_file(out, len, file, err) : typed_twice(out, len, err);
    return st == MV_OK && *len == 0 ? mv_fail(err, MV_E_ARGUMENT, "the passphrase is empty") : st;
}

/* ---- dates ---- */

static void warn(const mv_card *card, const char *whose, const char *what)
{
    const mv_card_state state = mv_card_state_on(card, mv_today());
    char day[MV_DAY_TEXT_MAX];
    uint32_t revoked_day = 0;

    if (mv_card_revoked(&revoked_day, card)) {
        ui_say("%s card is revoked: whoever knows it seals nothing for it and is told of its "
               "signatures",
               whose);
        ui_hint("make a new identity with medveil keygen, and give its card around");
        return;
    }
    mv_day_text(day, card->expires_day);
    if (state == MV_CARD_EXPIRED || state == MV_CARD_EXPIRES_SOON) {
        ui_say("%s card %s on %s", whose, state == MV_CARD_EXPIRED ? "expired" : "expires", day);
        ui_hint("%s", what);
    }
}

mv_status people_identity(mv_identity **out, const cli_args *args, const char *path, mv_error *err)
{
    cli_args copy = *args;
    const mv_unlock unlock = {ask, &copy};
    const mv_status st = mv_identity_load(out, path, &unlock, err);
    mv_card card;

    if (st == MV_OK) {
        mv_identity_card(&card, *out);
        warn(&card, "your own", "renew it with medveil card renew -i IDENTITY --expires DATE");
    }
    return st;
}

mv_status people_recipient(mv_card *out, const char *wanted, mv_error *err)
{
    mv_status st = MV_OK;
    MV_TRY(mv_card_find(out, wanted, err));
    MV_TRY(mv_card_check(out, mv_today(), err));
    warn(out, "the recipient's", "ask its owner for a renewed card");
done:
    return st;
}

/* ---- keys of features ---- */

const mv_he_set *people_set(const char *name)
{
    const mv_he_set *set = mv_he_set_find(name == NULL ? "pack4096" : name), *each = NULL;
    if (set == NULL) {
        ui_say("there is no parameter set %s", name);
        for (size_t i = 0; (each = mv_he_set_at(i)) != NULL; i++) {
            ui_hint("%s: %s", mv_he_set_name(each), mv_he_set_purpose(each));
        }
    }
    return set;
}

void people_say_limits(const mv_he_set *set)
{
    if (set != NULL && mv_he_set_require(set, MV_HE_QUANTUM_128, NULL) != MV_OK) {
        ui_say("%s: %s", mv_he_set_name(set), mv_he_set_purpose(set));
    }
}

mv_status people_public(mv_collection_public **out, const char *path, mv_error *err)
{
    mv_status st = MV_OK;
    mv_buffer text = mv_buffer_make(MV_COLLECTION_PUBLIC_FILE_MAX);
    mv_error why = {0};

    *out = NULL;
    MV_TRY(mv_file_read(&text, path, err));
    st = mv_collection_public_read(out, text.bytes, text.len, &why);
    if (st != MV_OK) {
        (void)mv_fail(err, st, "cannot use %.150s: %.300s", path,
                      why.text[0] != '\0' ? why.text : mv_status_sentence(st));
    }
done:
    mv_buffer_clear(&text);
    return st;
}
