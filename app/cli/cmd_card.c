/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_card.c: showing cards and keeping them in the card book.
 */
#include "commands.h"
#include "medveil/keys.h"
#include "show.h"
#include "ui.h"

#include <stdio.h>
#include <string.h>

static const cli_option add_options[] = {
    {"alias", 0, "NAME", "short name for -r and --from"},
    {NULL, 0, NULL, NULL},
};

static void print_card(const mv_card *card, const char *alias)
{
    char name[MV_CARD_NAME_MAX], date[SHOW_DATE_SIZE];
    mv_card_name(name, card->id);
    show_date(date, card->created_day);
    printf("name     %s\nalias    %s\ncreated  %s\n", name, alias[0] != '\0' ? alias : "none",
           date);
}

static int run_show(const cli_args *args)
{
    mv_error err = {0};
    mv_card card;
    char alias[64] = "";
    const mv_status st = mv_card_find(&card, args->operand[0], &err);

    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    if (!mv_card_alias(alias, sizeof alias, card.id)) {
        alias[0] = '\0';
    }
    if (cli_flag(args, "json")) {
        ui_json(show_card_json(&card, alias));
    } else {
        print_card(&card, alias);
    }
    return CLI_OK;
}

static int run_add(const cli_args *args)
{
    mv_error err = {0};
    mv_card card;
    char name[MV_CARD_NAME_MAX];
    const char *alias = cli_value(args, "alias");
    mv_status st = mv_card_load(&card, args->operand[0], &err);

    if (st == MV_OK) {
        st = mv_card_book_add(&card, alias, &err);
    }
    if (st != MV_OK) {
        return ui_fail(st, &err);
    }
    if (cli_flag(args, "json")) {
        ui_json(show_card_json(&card, alias));
        return CLI_OK;
    }
    mv_card_name(name, card.id);
    puts(name);
    ui_say("added %s to the card book; compare the line above with its owner",
           alias != NULL ? alias : "the card");
    return CLI_OK;
}

static mv_status list_one(void *user, const mv_card *card, const char *alias)
{
    char name[MV_CARD_NAME_MAX], date[SHOW_DATE_SIZE];
    if (cli_flag(user, "json")) {
        ui_json(show_card_json(card, alias));
        return MV_OK;
    }
    mv_card_name(name, card->id);
    show_date(date, card->created_day);
    printf("%s  %s  %s\n", name, date, alias[0] != '\0' ? alias : "-");
    return MV_OK;
}

static int run_list(const cli_args *args)
{
    mv_error err = {0};
    cli_args copy = *args;
    const mv_status st = mv_card_book_each(list_one, &copy, &err);
    if (st == MV_OK) {
        return CLI_OK;
    }
    (void)ui_fail(st, &err);
    return CLI_PARTIAL; /* the readable cards are listed */
}

const cli_command cmd_card_show = {
    .name = "card show",
    .operands = "FILE|mv1...|ALIAS",
    .summary = "show whose card it is",
    .run = run_show,
    .operands_min = 1,
    .operands_max = 1,
    .examples = "  medveil card show radiology.card\n",
};

const cli_command cmd_card_add = {
    .name = "card add",
    .operands = "FILE",
    .summary = "put a card into the card book",
    .options = add_options,
    .run = run_add,
    .operands_min = 1,
    .operands_max = 1,
    .examples = "  medveil card add radiology.card --alias radiology\n",
    .description =
        "Afterwards -r and --from take the alias or the mv1... line. A card is signed by\n"
        "itself: compare its mv1... line with the owner over another way, once.\n",
};

const cli_command cmd_card_list = {
    .name = "card list",
    .summary = "list the card book: mv1... line, date, alias",
    .run = run_list,
};
