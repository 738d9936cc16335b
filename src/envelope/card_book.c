/* SPDX-License-Identifier: Apache-2.0
 *
 * card_book.c: the folder of cards one knows.
 *
 * One file per card, NAME.card, where NAME is the card's alias or, without one, its mv1 line. The
 * file system keeps aliases unique, and a person may add, rename or remove cards with a file
 * manager.
 */
#include "identity.h"

#include "base/clock.h"
#include "base/home.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char suffix[] = ".card";
enum { SUFFIX_LEN = sizeof suffix - 1, PATH_LEN = 4096, ALIAS_MAX = 63 };

static mv_status book_folder(char out[PATH_LEN], mv_error *err)
{
    return mv_home_path(out, PATH_LEN, "cards", err);
}

static mv_status entry_path(char out[PATH_LEN], const char *folder, const char *name, mv_error *err)
{
    if (snprintf(out, PATH_LEN, "%s/%s%s", folder, name, suffix) >= PATH_LEN) {
        return mv_fail(err, MV_E_SPACE, "the path of the card book is too long");
    }
    return MV_OK;
}

static bool is_card_name(const char *name)
{
    uint8_t id[MV_CARD_ID_LEN];
    return mv_card_name_parse(id, name) == MV_OK;
}

/* Letters, digits, . _ - @ and bytes of UTF-8; not like an option, a hidden file or an mv1 line. */
static bool is_alias(const char *name)
{
    const size_t len = strlen(name);
    if (len == 0 || len > ALIAS_MAX || name[0] == '-' || name[0] == '.' ||
        strncmp(name, "mv1", 3) == 0) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)name[i];
        if (c < 0x80 && !isalnum(c) && strchr("._-@", c) == NULL) {
            return false;
        }
    }
    return true;
}

/* The book's name of a directory entry, or false when it is no card's. */
static bool entry_name(char out[NAME_MAX + 1], const struct dirent *entry)
{
    const size_t len = strlen(entry->d_name);
    if (len <= SUFFIX_LEN || entry->d_name[0] == '.' ||
        strcmp(entry->d_name + len - SUFFIX_LEN, suffix) != 0) {
        return false;
    }
    memcpy(out, entry->d_name, len - SUFFIX_LEN);
    out[len - SUFFIX_LEN] = '\0';
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of all entries, sorted; free with free_names. An absent folder is an empty book. */
static mv_status list_names(char ***out, size_t *count, const char *folder, mv_error *err)
{
    mv_status st = MV_OK;
    DIR *dir = opendir(folder);
    char **names = NULL;
    size_t n = 0, cap = 0;
    const struct dirent *entry = NULL;
    char name[NAME_MAX + 1];

    MV_REQUIRE(dir != NULL || errno == ENOENT, err, MV_E_IO, "cannot read the card book %s: %s",
               folder, strerror(errno));
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (!entry_name(name, entry)) {
            continue;
        }
        if (n == cap) {
            char **more = realloc(names, (2 * cap + 8) * sizeof *names);
            MV_REQUIRE(more != NULL, err, MV_E_MEMORY, "out of memory");
            names = more;
            cap = 2 * cap + 8;
        }
        names[n] = strdup(name);
        MV_REQUIRE(names[n] != NULL, err, MV_E_MEMORY, "out of memory");
        n++;
    }
    if (n != 0) {
        qsort(names, n, sizeof *names, by_name);
    }
done:
    if (dir != NULL) {
        (void)closedir(dir);
    }
    *out = names;
    *count = n;
    return st;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

mv_status mv_card_book_each(mv_status (*visit)(void *user, const mv_card *card, const char *alias),
                            void *user, mv_error *err)
{
    mv_status st = MV_OK, bad = MV_OK;
    char folder[PATH_LEN], path[PATH_LEN];
    char **names = NULL;
    size_t count = 0;

    MV_TRY(book_folder(folder, err));
    MV_TRY(list_names(&names, &count, folder, err));
    for (size_t i = 0; i < count; i++) {
        mv_card card;
        MV_TRY(entry_path(path, folder, names[i], err));
        const mv_status loaded = mv_card_load(&card, path, err); /* err keeps the first */
        if (loaded == MV_OK) {
            MV_TRY(visit(user, &card, is_card_name(names[i]) ? "" : names[i]));
        }
        bad = bad == MV_OK ? loaded : bad;
    }
    st = bad;
done:
    free_names(names, count);
    return st;
}

/* Looks for a card by its id, or for its owner's by the signing key. */
typedef struct search {
    const uint8_t *id;
    const mv_card *owner;
    mv_card card;
    char name[NAME_MAX + 1]; /* alias, or "" */
    bool found;
} search;

static mv_status search_step(void *user, const mv_card *card, const char *alias)
{
    search *s = user;
    const bool same = s->id != NULL ? memcmp(card->id, s->id, MV_CARD_ID_LEN) == 0
                                    : mv_card_same_owner(card, s->owner);
    if (!same) {
        return MV_OK;
    }
    s->card = *card;
    (void)snprintf(s->name, sizeof s->name, "%s", alias);
    s->found = true;
    return MV_E_INTERRUPTED; /* enough */
}

/* A damaged file elsewhere in the book does not keep a good card from being found. */
static bool book_search(search *s)
{
    const mv_status st = mv_card_book_each(search_step, s, NULL);
    (void)st;
    return s->found;
}

static bool search_id(search *s, const uint8_t id[MV_CARD_ID_LEN])
{
    memset(s, 0, sizeof *s);
    s->id = id;
    return book_search(s);
}

static bool search_owner(search *s, const mv_card *card)
{
    memset(s, 0, sizeof *s);
    s->owner = card;
    return book_search(s);
}

static mv_status check_alias(const char *alias, mv_error *err)
{
    if (is_alias(alias)) {
        return MV_OK;
    }
    return mv_fail(err, MV_E_ARGUMENT,
                   "an alias has 1 to %d letters, digits or . _ - @ and does not start with mv1, a "
                   "dot or a dash",
                   ALIAS_MAX);
}

/* The file of a card in the book. */
static mv_status file_of(char out[PATH_LEN], const char *folder, const mv_card *card,
                         const char *alias, mv_error *err)
{
    char name[MV_CARD_NAME_MAX];
    mv_card_name(name, card->id);
    return entry_path(out, folder, alias[0] == '\0' ? name : alias, err);
}

/* The owner has a card in the book already: a renewal takes its place, an alias is added where
 * there was none, the same card again changes nothing. */
static mv_status add_again(const search *known, const mv_card *card, const char *folder,
                           const char *alias, mv_error *err)
{
    mv_status st = MV_OK;
    char from[PATH_LEN], to[PATH_LEN], day[MV_DAY_TEXT_MAX];

    mv_day_text(day, known->card.created_day);
    MV_REQUIRE(card->created_day >= known->card.created_day, err, MV_E_POLICY,
               "the book has a newer card of this owner, of %s", day);
    MV_REQUIRE(alias[0] == '\0' || known->name[0] == '\0' || strcmp(alias, known->name) == 0, err,
               MV_E_EXISTS, "this owner is in the book already, as %s", known->name);
    alias = alias[0] == '\0' ? known->name : alias;
    MV_TRY(file_of(from, folder, &known->card, known->name, err));
    MV_TRY(file_of(to, folder, card, alias, err));
    const bool same_file = strcmp(from, to) == 0;
    MV_REQUIRE(same_file || access(to, F_OK) != 0, err, MV_E_EXISTS,
               "the alias %s is taken by another card", alias);
    MV_TRY(mv_card_save(card, to, same_file, err));
    MV_REQUIRE(same_file || unlink(from) == 0, err, MV_E_IO, "cannot remove %s: %s", from,
               strerror(errno));
done:
    return st;
}

mv_status mv_card_book_add(const mv_card *card, const char *alias, mv_error *err)
{
    mv_status st = MV_OK;
    char folder[PATH_LEN], path[PATH_LEN];
    search known;
    uint32_t revoked_day = 0;

    alias = alias == NULL ? "" : alias;
    MV_TRY(alias[0] == '\0' ? MV_OK : check_alias(alias, err));
    MV_TRY(book_folder(folder, err));
    MV_REQUIRE(!mv_card_revoked(&revoked_day, card), err, MV_E_POLICY,
               "the owner of this card revoked it");
    if (search_owner(&known, card)) {
        return add_again(&known, card, folder, alias, err);
    }
    MV_TRY(file_of(path, folder, card, alias, err));
    MV_REQUIRE(alias[0] == '\0' || access(path, F_OK) != 0, err, MV_E_EXISTS,
               "the alias %s is taken by another card", alias);
    MV_TRY(mv_home_make(folder, sizeof folder, "cards", err));
    MV_TRY(mv_card_save(card, path, false, err));
done:
    return st;
}

mv_status mv_card_book_remove(const char *wanted, mv_error *err)
{
    mv_status st = MV_OK;
    char folder[PATH_LEN], path[PATH_LEN];
    uint8_t id[MV_CARD_ID_LEN];
    search s;
    const bool by_id = mv_card_name_parse(id, wanted) == MV_OK;

    MV_REQUIRE(by_id || is_alias(wanted), err, MV_E_NOT_FOUND,
               "there is no card %.200s in the card book", wanted);
    MV_TRY(book_folder(folder, err));
    if (by_id && search_id(&s, id)) {
        MV_TRY(file_of(path, folder, &s.card, s.name, err));
    } else {
        MV_TRY(entry_path(path, folder, wanted, err));
    }
    if (unlink(path) != 0) {
        st = errno == ENOENT
                 ? mv_fail(err, MV_E_NOT_FOUND, "there is no card %.200s in the card book", wanted)
                 : mv_fail(err, MV_E_IO, "cannot remove %s: %s", path, strerror(errno));
    }
done:
    return st;
}

static mv_status find_by_name(mv_card *out, const char *name, mv_error *err)
{
    search s;
    uint8_t id[MV_CARD_ID_LEN];
    const mv_status st = mv_card_name_parse(id, name);
    if (st != MV_OK) {
        return mv_fail(err, MV_E_FORMAT,
                       "%.80s is not a card's name: a character is wrong or "
                       "missing",
                       name);
    }
    if (!search_id(&s, id)) {
        mv_hint(err, "add it with medveil card add FILE --alias NAME");
        return mv_fail(err, MV_E_NOT_FOUND, "there is no card %s in the card book", name);
    }
    *out = s.card;
    return MV_OK;
}

/* An alias comes before a file of that name in the current folder, so that a file somebody left
 * there is never taken for a known card; ./NAME means the file. */
mv_status mv_card_find(mv_card *out, const char *wanted, mv_error *err)
{
    mv_status st = MV_OK;
    char folder[PATH_LEN], path[PATH_LEN];

    memset(out, 0, sizeof *out);
    if (strncmp(wanted, "mv1", 3) == 0 && strpbrk(wanted, "/.") == NULL) {
        return find_by_name(out, wanted, err);
    }
    if (is_alias(wanted) && book_folder(folder, NULL) == MV_OK) {
        MV_TRY(entry_path(path, folder, wanted, err));
        if (access(path, F_OK) == 0) {
            return mv_card_load(out, path, err);
        }
    }
    if (access(wanted, F_OK) == 0) {
        return mv_card_load(out, wanted, err);
    }
    mv_hint(err, "add it with medveil card add FILE --alias NAME");
    st = mv_fail(err, MV_E_NOT_FOUND,
                 "there is no card %.200s: neither a file nor in the card book", wanted);
done:
    return st;
}

bool mv_card_alias(char *out, size_t cap, const mv_card *card)
{
    search s;
    if (!search_owner(&s, card) || s.name[0] == '\0') {
        return false;
    }
    return (size_t)snprintf(out, cap, "%s", s.name) < cap;
}
