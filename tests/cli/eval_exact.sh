#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# eval --exact: files of several kinds, a DICOM modality, damaged files, the report, wrong input.
. "$(dirname "$0")/lib.sh"

step 'files of several formats, in folders, and a DICOM file'
mkdir -p ward/deep other
expect 0 phantom --kind ct --size 64x48 --seed 1 -o ward/a.nii.gz
expect 0 phantom --kind mr --size 40x56 --seed 2 -o ward/deep/b.npy
expect 0 phantom --kind xray --size 50x50 --seed 3 -o ward/c.png
expect 0 phantom --kind mr --size 60x50 --seed 4 -o other/d.nii
expect 0 phantom --kind ct --size 64x64 --depth 2 --type i16 -o volume.npy
/usr/bin/python3 "$scripts/make_series.py" volume.npy 2 ward/series
printf 'name\tset\torigin\n' >ward/manifest.tsv
expect 0 eval --exact --data ward=ward --data other=other -o out --json
is files 'v == 6'
is identical 'v == 6'
is measured 'v == 6'
is unreadable 'v == 0'
is section_bytes "v < d['jpegls_bytes'] * 1.2"
is best_bytes "v < d['section_bytes'] + 100"
python3 - <<'EOF' || fail 'the table has a row for each kind, and the sums are right'
import csv
rows = {(r['set'], r['kind']): r for r in csv.DictReader(open('out/tables.csv'))}
assert set(rows) == {('ward', 'CT'), ('ward', 'NIfTI'), ('ward', 'NPY'), ('ward', 'PNG'), ('other', 'NIfTI'), ('all', '')}, rows.keys()
figures = ['files', 'identical', 'raw', 'section', 'best', 'jpegls', 'jpeg2000', 'png', 'gzip']
figures += ['jpegxl'] if 'jpegxl' in rows['all', ''] else []
assert ('jpegxl' in figures) == ('<th>JPEG XL</th>' in open('out/report.html').read())
for figure in figures:
    parts = sum(int(r[figure]) for k, r in rows.items() if k[0] != 'all')
    assert parts == int(rows['all', ''][figure]) > 0, figure
assert int(rows['ward', 'CT']['files']) == 2
for r in rows.values():
    assert int(r['section']) < int(r['raw']) and int(r['jpeg2000']) < int(r['raw'])
EOF
grep -q '<script' out/report.html && fail 'the page has no scripts'
grep -qE '(src|href)="(https?:)?//' out/report.html && fail 'the page needs nothing from elsewhere'
grep -q 'Where we lose' out/report.html || fail 'the page says where we lose'
/usr/bin/python3 "$scripts/../support/html_balance.py" out/report.html || fail 'every tag is closed'

step 'the exact section of a slice takes at most 1 % more than plain JPEG-LS'
mkdir slices
expect 0 phantom --kind ct --size 256x256 --type i16 -o slices/ct.npy
expect 0 phantom --kind xray --size 256x256 --type u16 -o slices/xray.npy
expect 0 phantom --kind mr --size 256x256 --type u8 -o slices/mr.npy
expect 0 eval --exact --data slices=slices -o slice --json
is section_bytes "0 < v <= d['jpegls_bytes'] * 1.01"

step 'a file that cannot be read is named, counted and left out'
head -c 300 ward/c.png >ward/cut.png
printf 'words' >ward/words.txt
code=0
"$MEDVEIL" eval --exact --data ward=ward -o odd >"$work/log/stdout" 2>"$err" || code=$?
[ $code = 15 ] || fail "eval --exact ends with 15 (it ended with $code)"
says 'left out: ward/cut.png is'
says 'left out: ward/words.txt is'
says 'bit-identical: 5/5'
says '2 files could not be read'
grep -q '2 files could not be read' odd/report.html || fail 'the page counts them'

step 'wrong input is refused with a sentence'
mkdir none
expect 1 eval --exact --data none=none -o x
expect 10 eval --exact --data nowhere=nowhere -o x
expect 2 eval --exact --data ward -o x
expect 2 eval --exact --data a,b=ward -o x
expect 2 eval --exact --data ward=ward --models cnn -o x
absent x/report.html
