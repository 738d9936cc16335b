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
