/* SPDX-License-Identifier: Apache-2.0
 *
 * deid_shim.h: taking out of a DICOM object what says whose it is, through DCMTK. Two passes, each
 * in the sandbox of its own: collect gives the UIDs and a few facts, so that the caller, who has
 * the key, can choose new UIDs; apply writes the object with them. The key never enters the
 * sandbox.
 */
#ifndef MV_DEID_SHIM_H
#define MV_DEID_SHIM_H

#include "image/dicom_shim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What may stay, as the options of PS3.15 Annex E call it. */
enum {
    MV_DEID_KEEP_UIDS = 1,
    MV_DEID_KEEP_DEVICE = 2,
    MV_DEID_KEEP_INSTITUTION = 4,
    MV_DEID_KEEP_PATIENT = 8, /* age, sex, size, weight and the like: never name, number, birth */
    MV_DEID_KEEP_DATES = 16,
    MV_DEID_SHIFT_DATES = 32,       /* all dates of a patient by the same number of days */
    MV_DEID_CLEAN_DESCRIPTORS = 64, /* words of deid_words.inc stay in descriptions */
    MV_DEID_CLEAN_STRUCTURE = 128   /* codes and numbers stay in structured content */
};

/* What was done to an attribute. */
typedef enum mv_deid_action {
    MV_DEID_KEPT,
    MV_DEID_REMOVED,
    MV_DEID_EMPTIED,
    MV_DEID_REPLACED, /* by a value that means nothing */
    MV_DEID_NEW_UID,
    MV_DEID_SHIFTED,
    MV_DEID_PSEUDONYM,
    MV_DEID_CLEANED, /* a part of it stays */
    MV_DEID_ACTIONS  /* how many there are */
} mv_deid_action;

enum { MV_DEID_ID_MAX = 129, MV_DEID_PSEUDONYM_MAX = 17, MV_DEID_BLANKS_MAX = 32 };

/* Columns x to x + width - 1 of rows y to y + height - 1 of every frame, counted from 0. */
typedef struct mv_deid_blank {
    uint32_t x, y, width, height;
} mv_deid_blank;

typedef struct mv_deid_facts {
    uint32_t burned_in;      /* (0028,0301): 0 not said, 1 NO, 2 YES */
    uint32_t hidden_overlay; /* 1: an overlay lies in unused bits of the pixels */
    uint32_t has_pixels, rows, columns;
    uint64_t pixels_len; /* bytes that they have uncompressed; 0: the header does not tell */
    uint32_t unfit;      /* 1: a directory of other files; 2: an object without a UID of its own */
    char patient[MV_DEID_ID_MAX]; /* number of the patient, or the name where there is none */
} mv_deid_facts;

typedef struct mv_deid_plan {
    unsigned keep; /* MV_DEID_KEEP_..., MV_DEID_SHIFT_DATES */
    int32_t shift_days;
    char pseudonym[MV_DEID_PSEUDONYM_MAX]; /* becomes name and number of the patient */
    const mv_deid_blank *blank;            /* to be made black, in objects that have pixels */
    size_t blank_count;
    const char *method; /* for (0012,0063), at most 64 letters */
    const char *uids;   /* old and new in turn, each with its zero */
    size_t uids_len;
} mv_deid_plan;

/* One line of the report. */
typedef struct mv_deid_row {
    uint32_t tag;
    uint32_t action; /* mv_deid_action */
    uint32_t count;
} mv_deid_row;

/* mv_deid_collect: the UIDs to be replaced, each once and with its zero, into uids (*len: in room,
 * out bytes). mv_deid_apply: into out a number of rows (32 bits), the rows, and the new file. Both
 * in the byte order of this machine. MV_DICOM_LIMIT: out is too small. Pixels with a part made
 * black come out uncompressed; MV_DICOM_SYNTAX, MV_DICOM_DEPTH, MV_DICOM_COLOUR: they cannot. */
mv_dicom_verdict mv_deid_collect(mv_deid_facts *facts, char *uids, size_t *uids_len, unsigned keep,
                                 const uint8_t *bytes, size_t len);
mv_dicom_verdict mv_deid_apply(uint8_t *out, size_t *out_len, const mv_deid_plan *plan,
                               const uint8_t *bytes, size_t len);

#ifdef __cplusplus
}
#endif
#endif
