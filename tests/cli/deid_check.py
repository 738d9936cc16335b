#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""deid_check make FILE [PATIENT [N]]: a CT image with a value of its own in every attribute of the table.
deid_check check TABLE BEFORE AFTER RETAINED: AFTER is BEFORE as the codes of the table have it.
deid_check date FILE TAG: prints that value.

Made and read with pydicom; the codes are read from the table's text, apart from the program."""

import re
import sys
from datetime import date, timedelta

import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

LETTERS = {"uids": "U", "device": "D", "institution": "I", "patient": "P", "dates": "F", "shifted-dates": "M"}
NESTED = Tag(0x0040, 0x9096)  # a sequence that the table does not name


def rows(path):
    for line in open(path):
        found = re.match(r'ROW\(0x(\w{8}), 0x(\w{8}), "(.*)", "(.*)"\)', line)
        if found:
            tag = int(found[1], 16)
            yield 0x50000030 if tag == 0x50000000 else tag, found[3], found[4]  # one of group 50xx


def vr_of(tag):
    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        return "LO"


def value_of(vr, i):
    day = date(1930, 1, 1) + timedelta(days=3700 * i)  # no shift of up to 3,650 days makes another's date
    texts = {"DA": day.strftime("%Y%m%d"), "DT": day.strftime("%Y%m%d") + "101112", "TM": "%02d%02d%02d.%04d" % (i % 24, i % 60, 7, i),
             "AS": "%03dY" % (i % 900 + 50), "IS": str(-7100000 - i), "DS": "%d.5" % (7200000 + i),  # not digits alone, as in a random UID
             "UI": "1.2.3.4.77.%d" % (10000 + i), "CS": "UNIQUE%04d" % i, "AE": "UNIQUE%04d" % i, "UR": "http://unique%04d" % i,
             "PN": "Unique%04d^Person" % i}
    if vr in texts:
        return texts[vr]
    if vr in ("US", "SS", "UL", "SL"):
        return 20000 + i
    if vr in ("FL", "FD"):
        return 20000.5 + i
    if vr in ("OB", "OW", "UN", "OF", "OD", "OL"):
        return b"uniquebytes%05d" % i
    if vr == "AT":
        return Tag(0x0010, 0x0010)
    if vr == "SQ":
        item = Dataset()
        item.add_new(0x00080104, "LO", "unique meaning %04d" % i)
        return Sequence([item])
    return "unique text %04d" % i


def in_data_set(tag):
    return tag >> 16 not in (0x0000, 0x0002)


def make(path, patient="P-4711-XYZ", number=1, table=None):
    data = Dataset()
    for i, (tag, codes, options) in enumerate(rows(table)):
        if in_data_set(tag):
            data.add_new(tag, vr_of(tag), value_of(vr_of(tag), i))
    data.add_new(0x00091001, "LO", "unique private")
    data.add_new(0x00090010, "LO", "UNIQUE CREATOR")
    data.add_new(0x60000010, "US", 3)
    data.add_new(0x00287fe1, "LO", "unique unknown")
    data.add_new(0x00180088, "LO", "unique in disguise")  # a decimal by the dictionary
    data.SOPClassUID, data.Modality, data.PatientID = "1.2.840.10008.5.1.4.1.1.2", "CT", patient
    data.SOPInstanceUID = "1.2.3.4.99.%d" % number
    inner = Dataset()
    inner.PatientName, inner.InstitutionName = "Unique^Inside", "unique inside"
    inner.ReferencedSOPInstanceUID, inner.LossyImageCompression = data.SOPInstanceUID, "00"
    inner.add_new(0x00110010, "LO", "UNIQUE INSIDE")
    data.add_new(NESTED, "SQ", Sequence([inner]))
    data.SamplesPerPixel, data.PhotometricInterpretation, data.Rows, data.Columns = 1, "MONOCHROME2", 16, 16
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.add_new(0x7fe00010, "OW", bytes(range(256)) * 2)
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    data.file_meta.SourceApplicationEntityTitle = "UNIQUEAE"
    data.is_little_endian, data.is_implicit_VR = True, False
    data.preamble = b"unique preamble!" * 8
    pydicom.dcmwrite(path, data, write_like_original=False)


def is_empty(element):
    return len(element.value) == 0 if element.VR == "SQ" else element.is_empty


def did(before, after, tag):
    """the codes that tell what happened to one attribute"""
    if tag not in after:
        return "X"
    old, new = before[tag], after[tag]
    if is_empty(new):
        return "Z"
    if new.VR == "SQ":
        return "D" if len(new.value) == 1 and len(new.value[0]) == 0 else "K"
    if new.value == old.value:
        return "K"
    return "U" if new.VR == "UI" and str(new.value).startswith("2.25.") else "D"


def check(table, before_path, after_path, retained):
    before, after = pydicom.dcmread(before_path), pydicom.dcmread(after_path)
    letters = {LETTERS[name] for name in retained.split(",") if name}
    raw, wrong, count = open(after_path, "rb").read(), [], 0
    survivors, beside_uids = [], re.sub(rb"2\.25\.[0-9]+", b"", raw)  # random digits may be anybody's date
    for tag, codes, options in rows(table):
        if not in_data_set(tag):
            continue
        old, what = before[tag], did(before, after, tag)
        count += 1
        if tag in (0x00100010, 0x00100020):
            wanted = "D"  # a pseudonym
        elif set(options) & (letters - {"M"}):
            wanted = "K"
        elif "M" in letters and "M" in options and old.VR in ("DA", "DT", "TM"):
            wanted = "K" if old.VR == "TM" else "D"
        else:
            wanted = "".join(codes.replace("*", "").split("/"))
            wanted += "U" if "D" in wanted and old.VR == "UI" else ""  # a UID that means nothing
        if not dictionary_has_tag(tag):
            wanted += "X"  # younger than the dictionaries: made as text, whatever it should be
        if wanted != "K" and old.VR == "SQ":
            wanted += "K" if "U" in wanted else ""  # its items are treated, not itself
        if what not in wanted:
            wrong.append("%08X %s: %s, not %s" % (tag, codes, what, wanted))
        if wanted != "K" and old.VR not in ("US", "SS", "UL", "SL", "FL", "FD", "AT", "AS", "SQ") and "K" not in wanted:
            value = old.value if isinstance(old.value, bytes) else str(old.value).encode()
            if value in (beside_uids if old.VR == "DA" else raw):
                survivors.append("%08X" % tag)
    assert not wrong, wrong
    assert not survivors, survivors
    assert count > 600, count
    if not letters - {"M"}:
        for word in (b"unique", b"Unique", b"UNIQUE"):
            # a sequence of references keeps its items, and a made-up item has a meaning in it
            left = [m for m in re.findall(word + rb"[ -~]{0,14}", raw) if not m.startswith(b"unique meaning")]
            assert not left, left
    inner = after[NESTED].value[0]
    assert inner.PatientName == after.PatientName == after.PatientID and inner.LossyImageCompression == "00"
    assert inner.ReferencedSOPInstanceUID == after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID
    assert after.PixelData == before.PixelData and after.preamble == bytes(128)
    assert after.PatientIdentityRemoved == "YES" and after.DeidentificationMethod.startswith("medveil")
    assert len(after.DeidentificationMethodCodeSequence) == 1 + len(letters)
    print(count, "attributes are treated as their codes say")


if sys.argv[1] == "make":
    make(sys.argv[3], *sys.argv[4:5], *map(int, sys.argv[5:6]), table=sys.argv[2])
elif sys.argv[1] == "check":
    check(*sys.argv[2:])
else:
    print(pydicom.dcmread(sys.argv[2])[int(sys.argv[3], 16)].value)
