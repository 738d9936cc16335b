#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# eval --curves on made-up images: curves, Bjontegaard differences and pictures are those of the
# images, by another way; going on after an interruption; wrong input.
. "$(dirname "$0")/lib.sh"

step 'a set of two classes, which the head knows, and two origins'
mkdir -p head/test/NoTumor head/test/Tumor
printf 'name\tset\torigin\n' >manifest.tsv
for seed in 1 2; do
    expect 0 phantom --kind mr --size 72x64 --seed $seed -o head/test/NoTumor/c$seed.png
    expect 0 phantom --kind xray --size 64x80 --seed $seed -o head/test/Tumor/x$seed.png
    printf 'c%s.png\tbrain_mri\tnorth\nx%s.png\tbrain_mri\tsouth\n' $seed $seed >>manifest.tsv
done

step 'one command measures every codec and writes the report'
expect 0 eval --curves --native --data brain_mri=head -o out --json
is set 'v == "brain_mri"'
is images 'v == 4'
is unreadable 'v == 0'
is refused 'v == 0'
is bd_rate '-0.6 < v < 0.3'
[ -s out/report.html ] && [ -s out/tables.csv ] && [ -s out/curves.tsv ] || fail 'all three are there'
grep -q '<script' out/report.html && fail 'the page has no scripts'
grep -qE '(src|href)="(https?:)?//' out/report.html && fail 'the page needs nothing from elsewhere'
/usr/bin/python3 "$scripts/../support/html_balance.py" out/report.html || fail 'every tag is closed'
/usr/bin/python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' out/figures/curves-brain-mri.svg ||
    fail 'the curves are XML'
grep -q 'Where compact mode loses' out/report.html || fail 'the page says where we lose'

step 'the tables follow from the measured points, by another computation'
/usr/bin/python3 "$scripts/curves_check.py" out || fail 'curves, differences and pictures are right'

step 'a point of the curve is what encrypt and decrypt give'
shown=$(sed -n 's/.*Typical: image \([0-9]*\) of the set.*/\1/p' out/report.html)
expect 0 keygen -o me.id
original=out/figures/picture-brain-mri-median-original.png
expect 0 encrypt -r me.id.card --compact --quality 50 --lossy --no-embedding -s me.id "$original" -o one.mv --json
cp "$out" sealed.json
whole=$(tail -n 1 "$out" | python3 -c 'import json,sys; print(json.load(sys.stdin)["bytes_total"])')
expect 0 decrypt -i me.id one.mv -o one.png
expect 0 compare "$original" one.png --json
psnr=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["psnr_db"])' "$out")
/usr/bin/python3 "$scripts/curves_check.py" out "$shown" "$psnr" "$whole" || fail 'the same PSNR, the same whole file'

step 'an interrupted run goes on to the same tables'
mkdir half
head -n 4 out/curves.tsv >half/curves.tsv
printf 'r 0 3 0 1 64' >>half/curves.tsv # the line that was being written
expect 0 eval --curves --native --data brain_mri=head -o half
says 'going on after 3 images'
same out/tables.csv half/tables.csv
expect 2 eval --curves --data brain_mri=head -o half
says 'other models, images or settings'
printf 'nonsense\n' >>half/curves.tsv
expect 1 eval --curves --native --data brain_mri=head -o half
says 'is damaged'

step 'every third image, and one that cannot be read'
head -c 200 head/test/NoTumor/c1.png >head/test/NoTumor/a.png
code=0
"$MEDVEIL" eval --curves --native --every 4 --data brain_mri=head -o third --json >"$out" 2>"$err" || code=$?
[ $code = 15 ] || fail "an image that cannot be read makes the exit code 15 (it was $code)"
says 'head/test/NoTumor/a.png is left out'
is images 'v == 1'
is unreadable 'v == 1'

step 'wrong input is refused with a sentence'
expect 2 eval --curves --exact --data brain_mri=head -o x
says 'one of --exact, --encrypted and --curves'
expect 2 eval --native --data brain_mri=head -o x
says '--native and --every go with --curves'
expect 2 eval --curves --every 0 --data brain_mri=head -o x
expect 2 eval --curves --data head -o x
expect 2 eval --curves --models cnn,veil --data brain_mri=head -o x
says '--curves compares it'
absent x
mkdir -p broken/a
printf 'no image' >broken/a/b.png
code=0
"$MEDVEIL" eval --curves --data broken=broken -o broken-out >"$out" 2>"$err" || code=$?
[ $code = 1 ] || fail "broken images only end with 1 (it ended with $code)"
says 'none of the 1 images can be read'
absent broken-out/report.html
