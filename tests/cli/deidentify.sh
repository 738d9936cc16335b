#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# De-identification: every attribute of the profile's table, the sender's pseudonyms, the gate for
# text in the pixels, and the way into an envelope.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 -c 'import pydicom' 2>/dev/null || skip 'python3-pydicom is not installed: nothing to make objects with'
table=$scripts/../../src/image/deid_table.inc
tool() { /usr/bin/python3 "$scripts/deid_check.py" "$@" || fail "deid_check $1 finds all as it should be"; }
value() { /usr/bin/python3 "$scripts/deid_check.py" date "$1" "$2"; }
people
tool make "$table" before.dcm
tool make "$table" second.dcm P-4711-XYZ 2
tool make "$table" other.dcm P-0815 3

step 'every attribute of the table is treated as its code says, and no value survives'
for retained in '' uids device institution patient dates shifted-dates uids,device,institution,patient,dates; do
    expect 0 deidentify before.dcm -o after.dcm -f --retain "$retained"
    tool check "$table" before.dcm after.dcm "$retained"
done

step 'the report names attributes and counts, never values'
expect 0 deidentify before.dcm -o after.dcm -f
prints '(0010,0010) pseudonym  2'
prints '(0009,1001) removed    1'
! grep -qi 'unique\|4711' "$out" "$err" || fail 'no value is printed'
expect 0 deidentify before.dcm -o after.dcm -f --json
is attributes 'any(a == {"tag": "00100030", "action": "emptied", "count": 1} for a in v)'
is files 'v == 1'

step 'under one file of pseudonyms everything becomes the same again, under another it does not'
expect 0 deidentify before.dcm -o a.dcm --pseudonyms mine.secret --retain shifted-dates
expect 0 deidentify before.dcm -o b.dcm --pseudonyms mine.secret --retain shifted-dates
expect 0 deidentify before.dcm -o c.dcm --pseudonyms other.secret --retain shifted-dates
same a.dcm b.dcm
differ a.dcm c.dcm
[ "$(stat -c %a mine.secret)" = 600 ] || fail 'the file of pseudonyms is for the sender alone'
grep -q "^uid 1.2.3.4.99.1 $(value a.dcm 00080018)\$" mine.secret || fail 'the sender can look up a UID'
grep -q "^patient $(value a.dcm 00100020) -[0-9]* P-4711-XYZ\$" mine.secret || fail 'the sender can look up a patient'
chmod 644 other.secret
expect 14 deidentify before.dcm -o d.dcm --pseudonyms other.secret
printf 'nothing of the kind\n' >wrong.secret
chmod 600 wrong.secret
expect 1 deidentify before.dcm -o d.dcm --pseudonyms wrong.secret
expect 2 deidentify before.dcm -o d.dcm --retain dates,shifted-dates
expect 2 deidentify before.dcm -o d.dcm --retain everything
absent d.dcm

step 'a study stays together: patients, and the time between its dates'
mkdir exam
cp before.dcm exam/DOE_JANE_1.dcm
cp second.dcm exam/DOE_JANE_2.dcm
cp other.dcm exam/ROE_RICHARD.dcm
expect 0 deidentify exam -o nameless --pseudonyms mine.secret --retain shifted-dates
[ "$(ls nameless)" = "$(printf '000001.dcm\n000002.dcm\n000003.dcm')" ] || fail 'files are numbered'
[ "$(value nameless/000001.dcm 00100020)" = "$(value nameless/000002.dcm 00100020)" ] || fail 'one patient has one pseudonym'
[ "$(value nameless/000001.dcm 00100020)" != "$(value nameless/000003.dcm 00100020)" ] || fail 'two patients have two'
same nameless/000001.dcm a.dcm
days() { /usr/bin/python3 -c 'import sys; from datetime import datetime as d; a, b = (d.strptime(x, "%Y%m%d") for x in sys.argv[1:]); print((b - a).days)' "$(value "$1" 00080020)" "$(value "$1" 00080021)"; }
[ "$(days before.dcm)" = "$(days a.dcm)" ] || fail 'the time between dates is what it was'
[ "$(value before.dcm 00080020)" != "$(value a.dcm 00080020)" ] || fail 'dates are moved'

step 'text in the pixels, and what nobody can check, is refused unless told'
/usr/bin/python3 - <<'END'
import pydicom
d = pydicom.dcmread("before.dcm")
d.BurnedInAnnotation = "YES"
d.save_as("burned.dcm")
d.BurnedInAnnotation = "NO"
letters = {"D": "110 101 101 101 110", "O": "111 101 101 101 111", "E": "111 100 110 100 111", "J": "001 001 001 101 111",
           "A": "010 101 111 101 101", "N": "101 111 111 111 101"}
rows = [bytearray(256) for _ in range(128)]
for i, letter in enumerate("DOEJANE"):
    for y, line in enumerate(letters[letter].split()):
        for x, bit in enumerate(line):
            for dy in range(3):
                for dx in range(3):
                    rows[60 + 3 * y + dy][20 + 14 * i + 3 * x + dx] = 255 if bit == "1" else 0
d.Rows, d.Columns, d.BitsAllocated, d.BitsStored, d.HighBit = 128, 256, 8, 8, 7
d.PixelData = bytes(b"".join(rows))
d["PixelData"].VR = "OB"
d.save_as("text.dcm")
d.PixelData = d.PixelData[:1000]
d.save_as("cut.dcm")
d.PixelData = bytes(128 * 256)
d.add_new(0x60000102, "US", 12)
d.save_as("overlay.dcm")
END
for name in burned text cut overlay; do
    expect 14 deidentify $name.dcm -o refused.dcm
    says 'pixels'
    absent refused.dcm
    expect 0 deidentify $name.dcm -o let-$name.dcm --burned-in-ok
done
expect 14 deidentify before.dcm text.dcm -o refused
absent refused

step 'cleaned descriptions keep the words that say what is shown, and no others'
/usr/bin/python3 - <<'END'
import pydicom
d = pydicom.dcmread("before.dcm")
d.SeriesDescription = "AX T2 FLAIR-head DOE 4711 Jane^Smith b1000"
d.StudyDescription = "Jane Doe, 4711"
d.ProtocolName = "Kn\xe4ckhead CHEST/abdomen w/o 20261122"
d.ImageComments = "liver\r\nDr. Foe, 0171-4711"
d.SpecificCharacterSet = "ISO_IR 100"
d.save_as("words.dcm")
END
expect 0 deidentify words.dcm -o clean.dcm --clean descriptors
prints '(0008,103E) cleaned    1'
prints '(0008,1030) removed    1'
/usr/bin/python3 - <<'END' || fail 'descriptions are cleaned as they should be'
import pydicom
d = pydicom.dcmread("clean.dcm")
assert d.SeriesDescription == "AX T2 FLAIR head b1000", d.SeriesDescription
assert "StudyDescription" not in d and d.ProtocolName == "CHEST abdomen" and d.ImageComments == "liver", d.ProtocolName
assert [c.CodeValue for c in d.DeidentificationMethodCodeSequence] == ["113100", "113105"]
raw = open("clean.dcm", "rb").read()
assert not [w for w in (b"Doe", b"DOE", b"Smith", b"0171-4711", b"Foe") if w in raw]
END

step 'cleaned structured content keeps codes and numbers, no words of somebody'
/usr/bin/python3 - <<'END'
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
def code(value, scheme, meaning):
    c = Dataset()
    c.CodeValue, c.CodingSchemeDesignator, c.CodeMeaning = value, scheme, meaning
    return Sequence([c])
def content(kind, name, **more):
    c = Dataset()
    c.RelationshipType, c.ValueType, c.ConceptNameCodeSequence = "CONTAINS", kind, name
    for key, value in more.items():
        setattr(c, key, value)
    return c
public, private = code("121071", "DCM", "Finding"), code("1", "99HERE", "Jane Doe")
number = Dataset()
number.NumericValue, number.MeasurementUnitsCodeSequence = "5", code("mm", "UCUM", "mm")
image = Dataset()
image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.99.1"
inner = content("CONTAINER", public, ContinuityOfContent="SEPARATE", ContentSequence=Sequence([
    content("NUM", public, MeasuredValueSequence=Sequence([number])), content("TEXT", public, TextValue="Jane Doe said")]))
d = pydicom.dcmread("before.dcm")
d.ContentSequence = Sequence([
    content("PNAME", public, PersonName="Doe^Jane"), content("DATE", public, Date="19700101"), inner,
    content("CODE", public, ConceptCodeSequence=code("10200004", "SCT", "Liver")),
    content("CODE", public, ConceptCodeSequence=private), content("CODE", private, ConceptCodeSequence=public),
    content("CODE", code("121032", "DCM", "Subject Sex"), ConceptCodeSequence=code("F", "DCM", "Female")),
    content("IMAGE", public, ReferencedSOPSequence=Sequence([image])), content("", public, TextValue="Doe")])
d.save_as("report.dcm")
END
for retained in '' patient; do
    expect 0 deidentify report.dcm -o clean.dcm -f --clean structured-content --retain "$retained"
    /usr/bin/python3 - "$retained" <<'END' || fail 'structured content is cleaned as it should be'
import pydicom, sys
d = pydicom.dcmread("clean.dcm")
kinds = [c.ValueType for c in d.ContentSequence]
assert kinds == ["CONTAINER", "CODE"] + (["CODE"] if sys.argv[1] else []) + ["IMAGE"], kinds
assert [c.ValueType for c in d.ContentSequence[0].ContentSequence] == ["NUM"]
assert d.ContentSequence[0].ContentSequence[0].MeasuredValueSequence[0].NumericValue == 5
assert d.ContentSequence[-1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == d.SOPInstanceUID
assert "113104" in [c.CodeValue for c in d.DeidentificationMethodCodeSequence]
raw = open("clean.dcm", "rb").read()
assert b"Doe" not in raw and b"99HERE" not in raw
END
done
expect 0 deidentify report.dcm -o plain.dcm
/usr/bin/python3 -c 'import pydicom; assert len(pydicom.dcmread("plain.dcm").ContentSequence) <= 1' || fail 'without the option nothing of it stays'

step 'a part of the pixels is made black, and then there may be no text left'
expect 14 deidentify text.dcm -o black.dcm --blank 0,0,10,10
expect 0 deidentify text.dcm -o black.dcm --blank 15,55,110,30
prints '(7FE0,0010) cleaned    1'
/usr/bin/python3 - <<'END' || fail 'pixels are black in the part, and as they were elsewhere'
import pydicom
old, new = pydicom.dcmread("text.dcm"), pydicom.dcmread("black.dcm")
was = bytearray(old.PixelData)
for y in range(55, 85):
    was[y * 256 + 15:y * 256 + 125] = bytes(110)
assert bytes(was) != old.PixelData and new.PixelData == bytes(was)
assert new.BurnedInAnnotation == "NO" and new.SOPInstanceUID != old.SOPInstanceUID
assert [c.CodeValue for c in new.DeidentificationMethodCodeSequence] == ["113100", "113101"]
END
expect 0 deidentify burned.dcm -o black-16.dcm --blank 0,0,16,4 --blank 12,12,900,900
/usr/bin/python3 - <<'END' || fail 'black is the lowest value of MONOCHROME2, the highest of MONOCHROME1, in every frame'
import pydicom, subprocess, os
def blanked(**change):
    d = pydicom.dcmread("before.dcm")
    d.ImageType = ["ORIGINAL", "PRIMARY"]
    for key, value in change.items():
        setattr(d, key, value)
    d.save_as("made.dcm")
    subprocess.run([os.environ["MEDVEIL"], "deidentify", "made.dcm", "-f", "-o", "made-black.dcm", "--blank", "3,2,2,1"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    old, new = pydicom.dcmread("made.dcm"), pydicom.dcmread("made-black.dcm")
    assert new.ImageType == ["DERIVED", "PRIMARY"]
    count = new.Rows * new.Columns * 2
    at = [i for i in range(0, len(old.PixelData), 2) if i % count in (2 * (2 * 16 + 3), 2 * (2 * 16 + 4))]
    assert all(new.PixelData[i:i + 2] == old.PixelData[i:i + 2] for i in range(0, len(old.PixelData), 2) if i not in at)
    return {new.PixelData[i:i + 2] for i in at}
pixels = pydicom.dcmread("before.dcm").PixelData
assert blanked() == {b"\0\0"}
assert blanked(PixelRepresentation=1, BitsStored=12, HighBit=11) == {b"\x00\xf8"}
assert blanked(PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11) == {b"\xff\x0f"}
assert blanked(NumberOfFrames=3, PixelData=pixels * 3) == {b"\0\0"}
END

step 'compressed pixels come out uncompressed; what cannot be made black is refused'
samples=/usr/lib/python3/dist-packages/pydicom/data/test_files
cp "$samples/SC_rgb_jpeg_dcmtk.dcm" colour.dcm
expect 0 deidentify colour.dcm -o colour-black.dcm --blank 10,20,30,40
/usr/bin/python3 - <<'END' || fail 'a part of the colours is black'
import pydicom
d = pydicom.dcmread("colour-black.dcm")
assert d.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1" and d.PhotometricInterpretation == "RGB"
pixel = lambda x, y: d.PixelData[3 * (100 * y + x):][:3] if d.PlanarConfiguration == 0 else bytes(d.PixelData[10000 * c + 100 * y + x] for c in range(3))
assert pixel(10, 20) == pixel(39, 59) == b"\0\0\0" and pixel(9, 20) != b"\0\0\0" and pixel(40, 59) != b"\0\0\0"
END
cp "$samples/JPEG2000.dcm" j2k.dcm
expect 2 deidentify j2k.dcm -o refused.dcm --blank 0,0,5,5
says 'transfer syntax'
expect 2 deidentify before.dcm -o refused.dcm --blank 16,0,5,5
says 'lies outside'
expect 2 deidentify before.dcm -o refused.dcm --blank 1,2,3
expect 2 deidentify before.dcm -o refused.dcm --blank 1,2,0,5
expect 2 deidentify before.dcm -o refused.dcm --blank 1,2,3,4 --retain uids
says 'a UID of its own'
expect 2 deidentify before.dcm -o refused.dcm --clean graphics
says 'knows no "graphics"'
absent refused.dcm

step 'what is no DICOM object is refused'
image picture.png 20 20
expect 2 deidentify picture.png -o refused.dcm
says 'not a DICOM file'
cp picture.png exam/picture.png
expect 2 deidentify exam -o refused
rm exam/picture.png
[ -z "$(ls -d refused* 2>/dev/null)" ] || fail 'nothing is left behind'
expect 1 deidentify exam -o nameless
says 'exists already'

step 'encrypt --deidentify: the originals stay at home'
expect 0 encrypt -s alice.id -r bob.id.card exam -o exam.mv --deidentify --pseudonyms mine.secret --retain shifted-dates --resize 64x64
expect 0 decrypt -i bob.id exam.mv -o back
diff -r nameless back >/dev/null || fail 'what travels is what deidentify makes'
expect 14 encrypt -r bob.id.card text.dcm -o refused.mv --deidentify
expect 2 encrypt -r bob.id.card picture.png -o refused.mv --deidentify
absent refused.mv
