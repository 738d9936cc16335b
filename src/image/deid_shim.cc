/* SPDX-License-Identifier: Apache-2.0
 *
 * deid_shim.cc: the Basic Application Level Confidentiality Profile of PS3.15 Annex E [DICOM-15]
 * over DCMTK. deid_table.inc says what happens to which attribute; what cleaning leaves of texts,
 * reports and pixels is in deid_clean.hh. Where the profile leaves a
 * choice for conformance's sake (X/Z, X/D, ..), an element keeps its place with an empty or
 * meaningless value, and a sequence loses its items. Beyond the table go: private attributes,
 * groups 50xx and 60xx, attributes that the dictionary does not know, text where the dictionary has
 * none.
 */
#include "image/deid_shim.h"
#include "image/deid_clean.hh"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcsequen.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <new>
#include <set>
#include <string>
#include <vector>

namespace
{

struct Row {
    uint32_t tag, mask;
    const char *codes, *options;
};

const Row table[] = {
#define ROW(tag, mask, codes, options) {tag, mask, codes, options},
#include "deid_table.inc"
#undef ROW
};

const Row *find_row(uint32_t tag)
{
    for (const Row &row : table) {
        if ((tag & row.mask) == row.tag) {
            return &row;
        }
    }
    return nullptr;
}

bool has(const char *letters, char letter)
{
    return strchr(letters, letter) != nullptr;
}

bool is_kept(const char *options, unsigned keep)
{
    return ((keep & MV_DEID_KEEP_UIDS) != 0 && has(options, 'U')) ||
           ((keep & MV_DEID_KEEP_DEVICE) != 0 && has(options, 'D')) ||
           ((keep & MV_DEID_KEEP_INSTITUTION) != 0 && has(options, 'I')) ||
           ((keep & MV_DEID_KEEP_PATIENT) != 0 && has(options, 'P')) ||
           ((keep & MV_DEID_KEEP_DATES) != 0 && has(options, 'F'));
}

/* The codes of the basic profile: the strongest demand that a receiver may make is met. */
mv_deid_action basic_action(const char *codes, bool sequence)
{
    if (has(codes, 'U')) {
        return MV_DEID_NEW_UID; /* of a sequence: in its items */
    }
    if (has(codes, 'D')) {
        return sequence && has(codes, 'X') ? MV_DEID_REMOVED : MV_DEID_REPLACED;
    }
    return has(codes, 'Z') ? MV_DEID_EMPTIED : MV_DEID_REMOVED;
}

bool is_known(const DcmTagKey &key)
{
    DcmTag tag(key);
    return strcmp(tag.getTagName(), DcmTag_ERROR_TagName) != 0;
}

uint32_t number_of(const DcmTagKey &key)
{
    return static_cast<uint32_t>(key.getGroup()) << 16 | key.getElement();
}

mv_deid_action decide(const DcmTagKey &key, bool sequence, unsigned keep)
{
    const Uint16 group = key.getGroup();
    if (key == DCM_PatientName || key == DCM_PatientID) {
        return MV_DEID_PSEUDONYM;
    }
    if (group % 2 != 0 || (group & 0xff00) == 0x5000 || (group & 0xff00) == 0x6000 ||
        group == 0xfffc) {
        return MV_DEID_REMOVED;
    }
    const Row *row = find_row(number_of(key));
    if (row == nullptr) {
        return is_known(key) ? MV_DEID_KEPT : MV_DEID_REMOVED;
    }
    if (is_kept(row->options, keep)) {
        return MV_DEID_KEPT;
    }
    if ((keep & MV_DEID_SHIFT_DATES) != 0 && has(row->options, 'M')) {
        return MV_DEID_SHIFTED;
    }
    if ((!sequence && (keep & MV_DEID_CLEAN_DESCRIPTORS) != 0 && has(row->options, 'T')) ||
        (sequence && (keep & MV_DEID_CLEAN_STRUCTURE) != 0 && has(row->options, 'S'))) {
        return MV_DEID_CLEANED;
    }
    return basic_action(row->codes, sequence);
}

/* ---- values ---- */

bool is_free_text(DcmEVR vr)
{
    return vr == EVR_LO || vr == EVR_LT || vr == EVR_ST || vr == EVR_UT || vr == EVR_PN ||
           vr == EVR_SH || vr == EVR_UC || vr == EVR_UR || vr == EVR_UN || vr == EVR_UNKNOWN;
}

/* An attribute that may stay, but not in this form: nobody can say what is in it. */
bool is_disguised(DcmElement &element)
{
    const DcmEVR found = element.ident();
    DcmTag tag(DcmTagKey(element.getGTag(), element.getETag()));
    return is_free_text(found) &&
           (found == EVR_UN || found == EVR_UNKNOWN || !is_free_text(tag.getVR().getEVR()));
}

const char *dummy_text(DcmEVR vr)
{
    switch (vr) {
    case EVR_DA:
        return "19000101";
    case EVR_DT:
        return "19000101000000";
    case EVR_TM:
        return "000000";
    case EVR_AS:
        return "000Y";
    case EVR_IS:
    case EVR_DS:
        return "0";
    case EVR_UR:
        return "about:blank";
    case EVR_AE:
    case EVR_CS:
    case EVR_LO:
    case EVR_LT:
    case EVR_PN:
    case EVR_SH:
    case EVR_ST:
    case EVR_UC:
    case EVR_UT:
        return "REMOVED";
    default:
        return nullptr;
    }
}

/* One number 0 of the element's own size. */
bool put_zero(DcmElement &element)
{
    static const Uint8 bytes[8] = {0};
    static const Uint16 words[4] = {0};
    static const Uint32 longs = 0;
    static const Float32 single = 0;
    static const Float64 twice = 0;
    switch (element.ident()) {
    case EVR_US:
        return element.putUint16(0).good();
    case EVR_SS:
        return element.putSint16(0).good();
    case EVR_UL:
        return element.putUint32(0).good();
    case EVR_SL:
        return element.putSint32(0).good();
    case EVR_FL:
        return element.putFloat32(0).good();
    case EVR_FD:
        return element.putFloat64(0).good();
    case EVR_OW:
        return element.putUint16Array(words, 1).good();
    case EVR_OB:
    case EVR_UN:
        return element.putUint8Array(bytes, 2).good();
    case EVR_OL:
        return element.putUint32Array(&longs, 1).good();
    case EVR_OF:
        return element.putFloat32Array(&single, 1).good();
    case EVR_OD:
        return element.putFloat64Array(&twice, 1).good();
    default:
        return false;
    }
}

bool put_dummy(DcmElement &element)
{
    const char *text = dummy_text(element.ident());
    return text != nullptr ? element.putOFStringArray(text).good() : put_zero(element);
}

/* Days since 1 March of year 0, and back; by way of years that start in March. */
long day_number(int year, int month, int day)
{
    const long y = month <= 2 ? year - 1 : year;
    const long m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
}

std::string day_text(long number)
{
    char text[16];
    long y = (10000 * static_cast<int64_t>(number) + 14780) / 3652425;
    long rest = number - (365 * y + y / 4 - y / 100 + y / 400);
    if (rest < 0) {
        y--;
        rest = number - (365 * y + y / 4 - y / 100 + y / 400);
    }
    const long m = (100 * rest + 52) / 3060;
    (void)snprintf(text, sizeof text, "%04ld%02ld%02ld", y + (m >= 10 ? 1 : 0), (m + 2) % 12 + 1,
                   rest - (m * 306 + 5) / 10 + 1);
    return text;
}

/* YYYYMMDD.. -> the same, later by days; false: no whole date stands there. */
bool shift_text(std::string &text, int32_t days)
{
    int year = 0, month = 0, day = 0;
    if (text.size() < 8 || text.find_first_not_of("0123456789") < 8 ||
        sscanf(text.c_str(), "%4d%2d%2d", &year, &month, &day) != 3 || month < 1 || month > 12 ||
        day < 1 || day > 31) {
        return false;
    }
    const long moved = day_number(year, month, day) + days;
    if (moved < 366 || moved > 3652000) {
        return false;
    }
    text.replace(0, 8, day_text(moved));
    return true;
}

/* A time of day stays; a date, or one with time, moves. */
bool put_shifted(DcmElement &element, int32_t days)
{
    const DcmEVR vr = element.ident();
    std::string all;
    if (vr == EVR_TM) {
        return true;
    }
    if (vr != EVR_DA && vr != EVR_DT) {
        return false;
    }
    for (unsigned long i = 0; i < element.getVM(); i++) {
        OFString value;
        if (element.getOFString(value, i).bad()) {
            return false;
        }
        std::string text(value.c_str());
        if (!text.empty() && !shift_text(text, days)) {
            return false;
        }
        all += (i == 0 ? "" : "\\") + text;
    }
    return element.putOFStringArray(all.c_str()).good();
}

/* ---- walking ---- */

class Walk
{
  public:
    explicit Walk(unsigned keep_) : keep(keep_)
    {
    }
    virtual ~Walk() = default;

    void item(DcmItem &item)
    {
        for (unsigned long i = 0; i < item.card();) {
            DcmElement *element = item.getElement(i);
            if (element == nullptr || one(*element)) {
                i++;
            } else {
                delete item.remove(i);
            }
        }
    }

  protected:
    const unsigned keep;

    virtual mv_deid_action act(DcmElement &element, mv_deid_action action) = 0;
    virtual void emptied(DcmSequenceOfItems &sequence, bool with_item) = 0;
    virtual void count(const DcmTagKey &key, mv_deid_action action) = 0;

  private:
    void items_of(DcmSequenceOfItems &sequence)
    {
        for (unsigned long i = 0; i < sequence.card(); i++) {
            DcmItem *inside = sequence.getItem(i);
            if (inside != nullptr) {
                item(*inside);
            }
        }
    }

    /* What stays of structured content: its codes and numbers, and what holds them together. */
    void clean_items(DcmSequenceOfItems &sequence)
    {
        for (unsigned long i = 0; i < sequence.card();) {
            DcmItem *inside = sequence.getItem(i);
            if (inside != nullptr && mv_deid::may_stay(*inside, keep)) {
                item(*inside);
                i++;
            } else {
                delete sequence.remove(i);
            }
        }
    }

    /* false: the element goes */
    bool one(DcmElement &element)
    {
        const DcmTagKey key(element.getGTag(), element.getETag());
        auto *sequence = dynamic_cast<DcmSequenceOfItems *>(&element);
        const bool is_sequence = sequence != nullptr && element.ident() == EVR_SQ;
        mv_deid_action action = decide(key, is_sequence, keep);
        if (action == MV_DEID_REPLACED && element.ident() == EVR_UI) {
            action = MV_DEID_NEW_UID;
        }

        if (is_sequence && (action == MV_DEID_KEPT || action == MV_DEID_NEW_UID)) {
            items_of(*sequence);
            return true;
        }
        if (is_sequence && action == MV_DEID_CLEANED) {
            clean_items(*sequence);
        } else if (is_sequence && (action == MV_DEID_EMPTIED || action == MV_DEID_REPLACED)) {
            emptied(*sequence, action == MV_DEID_REPLACED);
        } else if (action == MV_DEID_KEPT) {
            action = is_disguised(element) ? MV_DEID_REMOVED : MV_DEID_KEPT;
        } else if (action != MV_DEID_REMOVED) {
            action = act(element, action);
        }
        count(key, action);
        return action != MV_DEID_REMOVED;
    }
};

bool is_standard_uid(const std::string &uid)
{
    return uid.empty() || uid.compare(0, 14, "1.2.840.10008.") == 0;
}

/* First pass: nothing changes. */
class Collect : public Walk
{
  public:
    std::set<std::string> uids;
    using Walk::Walk;

  protected:
    mv_deid_action act(DcmElement &element, mv_deid_action action) override
    {
        for (unsigned long i = 0; action == MV_DEID_NEW_UID && i < element.getVM(); i++) {
            OFString uid;
            if (element.getOFString(uid, i).good() && !is_standard_uid(uid.c_str())) {
                uids.insert(uid.c_str());
            }
        }
        return action;
    }
    void emptied(DcmSequenceOfItems &sequence, bool with_item) override
    {
        (void)sequence;
        (void)with_item;
    }
    void count(const DcmTagKey &key, mv_deid_action action) override
    {
        (void)key;
        (void)action;
    }
};

class Apply : public Walk
{
  public:
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> report; /* (tag, action) -> times */

    explicit Apply(const mv_deid_plan &plan_) : Walk(plan_.keep), plan(plan_)
    {
        const char *next = plan.uids, *end = plan.uids + plan.uids_len;
        while (next < end) {
            const std::string from(next);
            next += from.size() + 1;
            const std::string to(next);
            next += to.size() + 1;
            uids[from] = to;
        }
    }

  protected:
    mv_deid_action act(DcmElement &element, mv_deid_action action) override
    {
        switch (action) {
        case MV_DEID_NEW_UID:
            return put_uids(element) ? action : MV_DEID_REMOVED;
        case MV_DEID_PSEUDONYM:
            return element.putOFStringArray(plan.pseudonym).good() ? action : MV_DEID_REMOVED;
        case MV_DEID_SHIFTED:
            return put_shifted(element, plan.shift_days) ? action : basic(element);
        case MV_DEID_CLEANED:
            return mv_deid::clean_words(element) ? action : basic(element);
        case MV_DEID_REPLACED:
            return put_dummy(element) ? action : empty(element);
        default:
            return empty(element);
        }
    }
    void emptied(DcmSequenceOfItems &sequence, bool with_item) override
    {
        (void)sequence.clear();
        if (with_item) {
            (void)sequence.append(new DcmItem);
        }
    }
    void count(const DcmTagKey &key, mv_deid_action action) override
    {
        if (action != MV_DEID_KEPT) {
            report[{number_of(key), static_cast<uint32_t>(action)}]++;
        }
    }

  private:
    const mv_deid_plan &plan;
    std::map<std::string, std::string> uids;

    /* What cannot be shifted (no date, or not a whole one), and texts of which nothing is left. */
    mv_deid_action basic(DcmElement &element)
    {
        const Row *row = find_row(number_of(DcmTagKey(element.getGTag(), element.getETag())));
        const mv_deid_action action = basic_action(row->codes, false);
        return action == MV_DEID_REMOVED ? action : act(element, action);
    }
    static mv_deid_action empty(DcmElement &element)
    {
        return element.clear().good() && element.getLength() == 0 ? MV_DEID_EMPTIED
                                                                  : MV_DEID_REMOVED;
    }
    bool put_uids(DcmElement &element)
    {
        std::string all;
        if (element.ident() != EVR_UI) {
            return false;
        }
        for (unsigned long i = 0; i < element.getVM(); i++) {
            OFString uid;
            if (element.getOFString(uid, i).bad()) {
                return false;
            }
            const auto found = uids.find(uid.c_str());
            if (found == uids.end() && !is_standard_uid(uid.c_str())) {
                return false;
            }
            all += (i == 0 ? "" : "\\") + (found == uids.end() ? uid.c_str() : found->second);
        }
        return element.putOFStringArray(all.c_str()).good();
    }
};

/* ---- the object ---- */

mv_dicom_verdict open_object(DcmFileFormat &format, const uint8_t *bytes, size_t len)
{
    DcmInputBufferStream stream;
    stream.setBuffer(bytes, static_cast<offile_off_t>(len));
    stream.setEos();
    format.transferInit();
    const OFCondition result = format.read(stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
    format.transferEnd();
    DcmDataset *data = format.getDataset();
    if (result == EC_MemoryExhausted) {
        return MV_DICOM_MEMORY;
    }
    if (result.bad() || data == nullptr || data->card() == 0) {
        return MV_DICOM_DAMAGED;
    }
    if (data->getOriginalXfer() == EXS_Unknown) {
        return MV_DICOM_SYNTAX;
    }
    return MV_DICOM_OK;
}

void read_facts(mv_deid_facts *facts, DcmDataset &data)
{
    OFString value;
    if (data.findAndGetOFString(DCM_BurnedInAnnotation, value).good() && !value.empty()) {
        facts->burned_in = value == "NO" ? 1 : 2; /* what is not NO may be anything */
    }
    facts->unfit = data.tagExists(DCM_DirectoryRecordSequence)    ? 1
                   : !data.tagExistsWithValue(DCM_SOPInstanceUID) ? 2
                                                                  : 0;
    facts->has_pixels = data.tagExists(DCM_PixelData);
    mv_deid::measure_pixels(facts, data);
    for (Uint16 group = 0x6000; group <= 0x60fe; group = static_cast<Uint16>(group + 2)) {
        Uint16 position = 0;
        if (data.findAndGetUint16(DcmTagKey(group, 0x0102), position).good() && position != 0) {
            facts->hidden_overlay = 1;
        }
    }
    if (data.findAndGetOFStringArray(DCM_PatientID, value).bad() || value.empty()) {
        value.clear();
        (void)data.findAndGetOFStringArray(DCM_PatientName, value);
    }
    (void)snprintf(facts->patient, sizeof facts->patient, "%s", value.c_str());
}

/* ---- what was done, in the object itself ---- */

void add_code(DcmDataset &data, long at, const char *value, const char *meaning)
{
    DcmItem *item = nullptr;
    if (data.findOrCreateSequenceItem(DCM_DeidentificationMethodCodeSequence, item, at).good()) {
        (void)item->putAndInsertString(DCM_CodeValue, value);
        (void)item->putAndInsertString(DCM_CodingSchemeDesignator, "DCM");
        (void)item->putAndInsertString(DCM_CodeMeaning, meaning);
    }
}

const unsigned BLANKED = 1u << 31; /* beside MV_DEID_.. */

/* CID 7050 [DICOM-15] */
void add_codes(DcmDataset &data, unsigned keep)
{
    static const struct {
        unsigned option;
        const char *value, *meaning;
    } codes[] = {
        {0, "113100", "Basic Application Confidentiality Profile"},
        {BLANKED, "113101", "Clean Pixel Data Option"},
        {MV_DEID_CLEAN_STRUCTURE, "113104", "Clean Structured Content Option"},
        {MV_DEID_CLEAN_DESCRIPTORS, "113105", "Clean Descriptors Option"},
        {MV_DEID_KEEP_DATES, "113106",
         "Retain Longitudinal Temporal Information Full Dates Option"},
        {MV_DEID_SHIFT_DATES, "113107",
         "Retain Longitudinal Temporal Information Modified Dates Option"},
        {MV_DEID_KEEP_PATIENT, "113108", "Retain Patient Characteristics Option"},
        {MV_DEID_KEEP_DEVICE, "113109", "Retain Device Identity Option"},
        {MV_DEID_KEEP_UIDS, "113110", "Retain UIDs Option"},
        {MV_DEID_KEEP_INSTITUTION, "113112", "Retain Institution Identity Option"},
    };
    long at = 0;
    delete data.remove(DCM_DeidentificationMethodCodeSequence);
    for (const auto &code : codes) {
        if (code.option == 0 || (keep & code.option) != 0) {
            add_code(data, at++, code.value, code.meaning);
        }
    }
}

void mark(DcmDataset &data, const mv_deid_plan &plan, bool blanked)
{
    const char *dates = (plan.keep & MV_DEID_KEEP_DATES) != 0    ? "UNMODIFIED"
                        : (plan.keep & MV_DEID_SHIFT_DATES) != 0 ? "MODIFIED"
                                                                 : "REMOVED";
    (void)data.putAndInsertString(DCM_PatientIdentityRemoved, "YES");
    (void)data.putAndInsertString(DCM_DeidentificationMethod, plan.method);
    (void)data.putAndInsertString(DCM_LongitudinalTemporalInformationModified, dates);
    add_codes(data, plan.keep | (blanked ? BLANKED : 0));
}

mv_dicom_verdict write_object(uint8_t *out, size_t *len, DcmFileFormat &format,
                              E_TransferSyntax syntax)
{
    DcmOutputBufferStream stream(out, static_cast<offile_off_t>(*len));
    void *start = nullptr;
    offile_off_t written = 0;

    format.transferInit();
    const OFCondition result =
        format.write(stream, syntax, EET_UndefinedLength, nullptr, EGL_withoutGL,
                     EPD_withoutPadding, 0, 0, 0, EWM_createNewMeta);
    format.transferEnd();
    if (result.bad()) {
        return result == EC_StreamNotifyClient ? MV_DICOM_LIMIT : MV_DICOM_DAMAGED;
    }
    stream.flush();
    stream.flushBuffer(start, written);
    *len = static_cast<size_t>(written);
    return start == out ? MV_DICOM_OK : MV_DICOM_DAMAGED;
}

mv_dicom_verdict collect(mv_deid_facts *facts, char *uids, size_t *uids_len, unsigned keep,
                         const uint8_t *bytes, size_t len)
{
    DcmFileFormat format;
    Collect walk(keep);
    size_t at = 0;
    const mv_dicom_verdict verdict = open_object(format, bytes, len);
    if (verdict != MV_DICOM_OK) {
        return verdict;
    }
    read_facts(facts, *format.getDataset());
    walk.item(*format.getDataset());
    for (const std::string &uid : walk.uids) {
        if (uid.size() + 1 > *uids_len - at) {
            return MV_DICOM_LIMIT;
        }
        memcpy(uids + at, uid.c_str(), uid.size() + 1);
        at += uid.size() + 1;
    }
    *uids_len = at;
    return MV_DICOM_OK;
}

mv_dicom_verdict apply(uint8_t *out, size_t *out_len, const mv_deid_plan *plan,
                       const uint8_t *bytes, size_t len)
{
    DcmFileFormat format;
    Apply walk(*plan);
    mv_dicom_verdict verdict = open_object(format, bytes, len);
    if (verdict != MV_DICOM_OK) {
        return verdict;
    }
    /* nothing of the old head comes along: preamble, application titles, private information */
    DcmFileFormat fresh(format.getAndRemoveDataset(), OFFalse);
    DcmDataset &data = *fresh.getDataset();
    E_TransferSyntax syntax = data.getOriginalXfer();
    const bool blanked = plan->blank_count != 0 && data.tagExists(DCM_PixelData);
    if (blanked) {
        verdict = mv_deid::blank_pixels(data, syntax, *plan);
        if (verdict != MV_DICOM_OK) {
            return verdict;
        }
    }
    walk.item(data);
    if (blanked) {
        walk.report[{number_of(DCM_PixelData), static_cast<uint32_t>(MV_DEID_CLEANED)}]++;
    }
    mark(data, *plan, blanked);
    const uint32_t count = static_cast<uint32_t>(walk.report.size());
    const size_t head = sizeof count + count * sizeof(mv_deid_row);
    if (head > *out_len) {
        return MV_DICOM_LIMIT;
    }
    memcpy(out, &count, sizeof count);
    uint8_t *at = out + sizeof count;
    for (const auto &line : walk.report) {
        const mv_deid_row row = {line.first.first, line.first.second, line.second};
        memcpy(at, &row, sizeof row);
        at += sizeof row;
    }
    size_t file_len = *out_len - head;
    verdict = write_object(at, &file_len, fresh, syntax);
    *out_len = head + file_len;
    return verdict;
}

} // namespace

mv_dicom_verdict mv_deid_collect(mv_deid_facts *facts, char *uids, size_t *uids_len, unsigned keep,
                                 const uint8_t *bytes, size_t len)
{
    *facts = mv_deid_facts();
    try {
        return collect(facts, uids, uids_len, keep, bytes, len);
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DAMAGED;
    }
}

mv_dicom_verdict mv_deid_apply(uint8_t *out, size_t *out_len, const mv_deid_plan *plan,
                               const uint8_t *bytes, size_t len)
{
    try {
        return apply(out, out_len, plan, bytes, len);
    } catch (const std::bad_alloc &) {
        return MV_DICOM_MEMORY;
    } catch (...) {
        return MV_DICOM_DAMAGED;
    }
}
