/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.c: from argv to a command: finding the row, parsing its options, help, man page, completions.
 */
#include "cli.h"

#include "commands.h"
#include "man.h"
#include "ui.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One row a line, in the order of help. */
/* clang-format off */
const cli_command *const cli_commands[] = {
    &cmd_demo,
    &cmd_keygen,
    &cmd_passphrase,
    &cmd_card_show,
    &cmd_card_add,
    &cmd_card_list,
    &cmd_card_remove,
    &cmd_card_renew,
    &cmd_card_revoke,
    &cmd_collection_new,
    &cmd_collection_add,
    &cmd_collection_rotate,
    &cmd_collection_show,
    &cmd_collection_public,
    &cmd_deidentify,
    &cmd_encrypt,
    &cmd_decrypt,
    &cmd_verify,
    &cmd_inspect,
    &cmd_compare,
    &cmd_relay,
    &cmd_relay_check,
    &cmd_relay_backup,
    &cmd_relay_restore,
    &cmd_relay_erase,
    &cmd_audit_verify,
    &cmd_send,
    &cmd_receive,
    &cmd_live_send,
    &cmd_live_receive,
    &cmd_live_open,
    &cmd_queue_status,
    &cmd_queue_run,
    &cmd_queue_pause,
    &cmd_queue_resume,
    &cmd_queue_cancel,
    &cmd_gallery_new,
    &cmd_gallery_add,
    &cmd_gallery_remove,
    &cmd_gallery_learn,
    &cmd_gallery_repack,
    &cmd_search,
    &cmd_features_plan,
    &cmd_features_make,
    &cmd_features_take,
    &cmd_add,
    &cmd_features_open,
    &cmd_atlas_new,
    &cmd_atlas_query,
    &cmd_atlas_run,
    &cmd_atlas_answer,
    &cmd_classify,
    &cmd_classify_key,
    &cmd_classify_query,
    &cmd_classify_run,
    &cmd_classify_answer,
    &cmd_classify_plain,
    &cmd_model_list,
    &cmd_model_install,
    &cmd_export_head,
    &cmd_bench,
    &cmd_train,
    &cmd_eval,
    &cmd_phantom,
    &cmd_version,
    NULL,
};
/* clang-format on */

const cli_option cli_common_options[] = {
    {"json", 0, NULL, "print results as JSON, one object per line"},
    {"help", 'h', NULL, "show this help"},
    {NULL, 0, NULL, NULL},
};

static const cli_option *find_option(const cli_command *command, const char *name, size_t len,
                                     char letter)
{
    const cli_option *tables[2] = {command->options, cli_common_options};
    for (int t = 0; t < 2; t++) {
        for (const cli_option *o = tables[t]; o != NULL && o->name != NULL; o++) {
            if (letter != 0 ? o->letter == letter
                            : strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
                return o;
            }
        }
    }
    return NULL;
}

const char *cli_value_at(const cli_args *args, const char *option, size_t i)
{
    for (size_t g = 0; g < args->given_count; g++) {
        if (strcmp(args->given[g].option->name, option) == 0 && i-- == 0) {
            return args->given[g].value;
        }
    }
    return NULL;
}

const char *cli_value(const cli_args *args, const char *option)
{
    const char *value = NULL;
    for (size_t i = 0; cli_value_at(args, option, i) != NULL; i++) {
        value = cli_value_at(args, option, i);
    }
    return value;
}

bool cli_flag(const cli_args *args, const char *option)
{
    return cli_value(args, option) != NULL;
}

bool cli_number(const cli_args *args, const char *option, long min, long max, long fallback,
                long *out)
{
    const char *text = cli_value(args, option);
    char *end = NULL;

    *out = fallback;
    if (text == NULL) {
        return true;
    }
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max) {
        ui_say("--%s needs a whole number from %ld to %ld, not \"%s\"", option, min, max, text);
        return false;
    }
    *out = value;
    return true;
}

/* Edit distance with unit costs, for "did you mean"; names are short. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    const size_t b_len = strlen(b);
    if (b_len >= 64) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b_len; j++) {
            const size_t change = diagonal + (a[i] != b[j]);
            const size_t step = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = change < step ? change : step;
        }
    }
    return row[b_len];
}

static bool add_given(cli_args *args, const cli_option *option, const char *value)
{
    if (args->given_count == CLI_VALUES_MAX) {
        ui_say("too many options; at most %d", CLI_VALUES_MAX);
        return false;
    }
    args->given[args->given_count].option = option;
    args->given[args->given_count].value = value;
    args->given_count++;
    return true;
}

static bool bad_option(const cli_command *command, const char *text)
{
    const cli_option *tables[2] = {command->options, cli_common_options};
    const cli_option *near = NULL;
    size_t best = 3;

    ui_say("%s has no option %s", command->name, text);
    for (int t = 0; t < 2; t++) {
        for (const cli_option *o = tables[t]; o != NULL && o->name != NULL; o++) {
            const size_t d = distance(text + strspn(text, "-"), o->name);
            if (d < best) {
                best = d;
                near = o;
            }
        }
    }
    if (near != NULL) {
        ui_hint("did you mean --%s?", near->name);
    } else {
        ui_hint("medveil %s --help lists its options", command->name);
    }
    return false;
}

/* One argument that starts with a dash; *i moves on when the value is the next argument. */
static bool parse_option(cli_args *args, int argc, char **argv, int *i)
{
    const char *text = argv[*i];
    const bool is_long = text[1] == '-';
    const char *value = NULL;
    const cli_option *option = NULL;

    if (is_long) {
        const size_t len = strcspn(text + 2, "=");
        option = find_option(args->command, text + 2, len, 0);
        value = text[2 + len] == '=' ? text + 3 + len : NULL;
    } else {
        option = find_option(args->command, NULL, 0, text[1]);
        value = text[1] != '\0' && text[2] != '\0' ? text + 2 : NULL;
    }
    if (option == NULL) {
        return bad_option(args->command, text);
    }
    if (option->argument == NULL) {
        if (value != NULL) {
            ui_say("--%s takes no value", option->name);
            return false;
        }
        return add_given(args, option, "");
    }
    if (value == NULL) {
        if (*i + 1 >= argc) {
            ui_say("--%s needs %s", option->name, option->argument);
            return false;
        }
        value = argv[++*i];
    }
    return add_given(args, option, value);
}

static bool parse(cli_args *args, int argc, char **argv, int first)
{
    bool options_end = false;
    for (int i = first; i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (!options_end && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!parse_option(args, argc, argv, &i)) {
                return false;
            }
        } else if (args->operand_count == CLI_VALUES_MAX) {
            ui_say("too many files; at most %d", CLI_VALUES_MAX);
            return false;
        } else {
            args->operand[args->operand_count++] = argv[i];
        }
    }
    return true;
}

static void print_options(FILE *to, const cli_option *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        char left[64];
        (void)snprintf(left, sizeof left, "%c%c%c --%s%s%s", option->letter ? '-' : ' ',
                       option->letter ? option->letter : ' ', option->letter ? ',' : ' ',
                       option->name, option->argument ? " " : "",
                       option->argument ? option->argument : "");
        fprintf(to, "  %-28s %s\n", left, option->help);
    }
}

static void print_help(FILE *to, const cli_command *command)
{
    fprintf(to, "usage: medveil %s [options]%s%s\n\n%s\n", command->name,
            command->operands ? " " : "", command->operands ? command->operands : "",
            command->summary);
    if (command->examples != NULL) {
        fprintf(to, "\nexamples:\n%s", command->examples);
    }
    fputs("\noptions:\n", to);
    print_options(to, command->options);
    print_options(to, cli_common_options);
    if (command->description != NULL) {
        fprintf(to, "\n%s", command->description);
    }
}

static void print_overview(FILE *to)
{
    fputs(
        "medveil sends medical images so that nobody between sender and receiver can read them\n\n"
        "usage: medveil COMMAND [options] ...\n\ncommands:\n",
        to);
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        fprintf(to, "  %-19s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    }
    fputs("\nmedveil COMMAND --help tells more; start with medveil demo\n", to);
}

/* The row whose name is the first one or two words of argv; *used says how many. */
static const cli_command *find_command(int argc, char **argv, int *used)
{
    const cli_command *found = NULL;
    *used = 0;
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const char *name = cli_commands[i]->name;
        const size_t first = strcspn(name, " ");
        if (strlen(argv[1]) != first || memcmp(argv[1], name, first) != 0) {
            continue;
        }
        if (name[first] == '\0' && *used == 0) {
            found = cli_commands[i];
            *used = 1;
        } else if (name[first] == ' ' && argc > 2 && strcmp(argv[2], name + first + 1) == 0) {
            found = cli_commands[i];
            *used = 2;
        }
    }
    return found;
}

/* "card --help": the commands whose first word this is. false: there are none, or no help is asked
 * for. */
static bool help_of_group(int argc, char **argv)
{
    const size_t len = strlen(argv[1]);
    bool any = false;
    if (argc < 3 || (strcmp(argv[2], "--help") != 0 && strcmp(argv[2], "-h") != 0)) {
        return false;
    }
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const cli_command *c = cli_commands[i];
        if (strncmp(c->name, argv[1], len) == 0 && c->name[len] == ' ') {
            if (!any) {
                printf("medveil %s COMMAND --help tells more of\n", argv[1]);
            }
            printf("  medveil %-20s %s\n", c->name, c->summary);
            any = true;
        }
    }
    return any;
}

static int unknown_command(int argc, char **argv)
{
    size_t best = 3;
    const char *near = NULL;
    const size_t len = strlen(argv[1]);

    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const char *name = cli_commands[i]->name;
        if (strncmp(name, argv[1], len) == 0 && name[len] == ' ') {
            ui_say(argc > 2 ? "%s has no command %s" : "%s needs a command after it", argv[1],
                   argc > 2 ? argv[2] : "");
            for (; cli_commands[i] != NULL; i++) {
                if (strncmp(cli_commands[i]->name, argv[1], len) == 0) {
                    ui_hint("medveil %s: %s", cli_commands[i]->name, cli_commands[i]->summary);
                }
            }
            return CLI_USAGE;
        }
        if (distance(argv[1], name) < best) {
            best = distance(argv[1], name);
            near = name;
        }
    }
    ui_say("there is no command %s", argv[1]);
    if (near != NULL) {
        ui_hint("did you mean medveil %s?", near);
    } else {
        ui_hint("medveil --help lists the commands");
    }
    return CLI_USAGE;
}

static bool operands_fit(const cli_args *args)
{
    const cli_command *c = args->command;
    if (args->operand_count < c->operands_min) {
        ui_say("%s needs %s", c->name, c->operands);
    } else if (args->operand_count > c->operands_max) {
        ui_say(c->operands_max == 0 ? "%s takes no file, but was given \"%s\""
                                    : "%s was given too much: \"%s\"",
               c->name, args->operand[c->operands_max]);
    } else {
        return true;
    }
    ui_hint("medveil %s --help", c->name);
    return false;
}

/* medveil help [COMMAND]; the build asks for help man and help completion */
static int help(int argc, char **argv)
{
    int used = 0;
    if (argc < 2) {
        print_overview(stdout);
    } else if (strcmp(argv[1], "man") == 0) {
        cli_print_man(stdout);
    } else if (strcmp(argv[1], "completion") == 0) {
        cli_print_completion(stdout);
    } else {
        const cli_command *command = find_command(argc, argv, &used);
        if (command == NULL) {
            return unknown_command(argc, argv);
        }
        print_help(stdout, command);
    }
    return CLI_OK;
}

int cli_run(int argc, char **argv)
{
    static cli_args args; /* large; one command per process */
    int used = 0;

    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_overview(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "help") == 0) {
        return help(argc - 1, argv + 1);
    }
    if (strcmp(argv[1], "--version") == 0) {
        return cmd_version.run(&args);
    }
    args.command = find_command(argc, argv, &used);
    if (args.command == NULL) {
        return help_of_group(argc, argv) ? CLI_OK : unknown_command(argc, argv);
    }
    if (!parse(&args, argc, argv, 1 + used)) {
        return CLI_USAGE;
    }
    if (cli_flag(&args, "help")) {
        print_help(stdout, args.command);
        return CLI_OK;
    }
    if (!operands_fit(&args)) {
        return CLI_USAGE;
    }
    const int code = args.command->run(&args);
    ui_progress_end();
    return code;
}
