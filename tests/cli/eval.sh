#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# eval: methods compared on made-up data sets: heads, the report, going on after kill -9, wrong input.
. "$(dirname "$0")/lib.sh"

picture() { expect 0 phantom --kind "$1" --size "$2" --seed "$3" -o "$4"; }

step 'two data sets with two classes each'
for split in train test; do
    mkdir -p body/$split/chest body/$split/belly head/$split/large head/$split/small
    for seed in 1 2; do
        picture xray 60x52 $seed body/$split/chest/x$split$seed.png
        picture ct 52x60 $seed body/$split/belly/c$split$seed.png
        picture mr 64x64 $seed head/$split/large/l$split$seed.png
        picture mr 48x48 $((seed + 7)) head/$split/small/s$split$seed.png
    done
done
printf 'name\tset\torigin\nltest1.png\thead\tnorth\nltest2.png\thead\tboth\nstest1.png\thead\tboth\nstest2.png\thead\tboth\n' >manifest.tsv

step 'a head is trained, and the same seed gives the same head'
expect 0 train --head --data body --data head --steps 2 --licence 'research only: phantoms' -o a.mvh
says 'body: 4 images of 2 classes to train on'
expect 0 train --head --data body --data head --steps 2 --licence 'research only: phantoms' --threads 1 -o b.mvh
same a.mvh b.mvh
expect 1 train --head --data body --steps 2 -o a.mvh
says 'exists already'
expect 2 train --head --data body --patch 8 -o c.mvh
says '--patch does not go with --head'
expect 2 train --head --data body
absent c.mvh
mkdir -p body/val/chest body/val/belly body/val/unknown
picture xray 60x52 3 body/val/chest/v.png
picture xray 60x52 4 body/val/chest/w.png
picture ct 52x60 3 body/val/belly/v.png
picture ct 52x60 3 body/val/unknown/v.png
: >body/val/belly/broken.png
code=0
"$MEDVEIL" train --head --data body --data head --steps 2 -o c.mvh >"$out" 2>"$err" || code=$?
[ $code = 15 ] || fail "training a head ends with 15 (it ended with $code)"
says 'validation of body: MAP'
says 'body/val/belly/broken.png is left out'
says '1 image could not be read'
rm body/val/belly/broken.png
expect 0 train --head --data body --steps 2 --json -o d.mvh
grep -q '"set": *"body", *"images": *3' "$out" || fail 'the validation has its JSON line, of the 3 images of known classes'
rm -r body/val

step 'origins choose what a head is trained on, and each class keeps an image'
mv manifest.tsv kept.tsv
printf 'name\tset\torigin\nltrain1.png\thead\tnorth\nstrain1.png\thead\tnorth\nstrain2.png\thead\tsouth\n' >manifest.tsv
expect 0 train --head --data head --origins 'no*' --steps 1 -o n.mvh
says 'head: 2 images of 2 classes to train on'
says '2 images left out: their origin is not in --origins'
expect 10 train --head --data head --origins south --steps 1 -o s.mvh
says 'no image of large in head is of an origin in --origins'
absent s.mvh
mv kept.tsv manifest.tsv

step 'a head of one transform is taken over for another whose maps are the same, as it is'
weights() { tail -c "$((4 * 235486 - 4 * 5 * 128 + 32))" "$1" | head -c "$((4 * 235486 - 4 * 5 * 128))"; }
expect 0 train --head --model lstm --data head --steps 1 -o lstm.mvh
expect 0 train --head --model gan --data head --from lstm.mvh -o gan.mvh
weights lstm.mvh >lstm.weights
weights gan.mvh >gan.weights
same lstm.weights gan.weights
cmp -s lstm.mvh gan.mvh && fail 'each belongs to its own model'
expect 2 train --head --data head --from lstm.mvh -o x.mvh
says 'lstm.mvh reads 21 maps, this model gives 6'
expect 2 train --head --model gan --data body --from lstm.mvh -o x.mvh
says 'the classes have to be the same'
expect 2 train --head --model gan --data head --from lstm.mvh --steps 3 -o x.mvh
says '--steps and --seed do not go with it'
absent x.mvh
mkdir -p single/train/only
picture mr 40x40 1 single/train/only/a.png
expect 1 train --head --data single --steps 1 -o e.mvh
says 'single has only one class with images'
absent e.mvh
mkdir -p "$MEDVEIL_HOME/models"
cp a.mvh "$MEDVEIL_HOME/models/"

evaluate() { # CODE OUT ARGUMENT...
    wanted=$1 folder=$2
    shift 2
    expect "$wanted" eval --timing-images 1 --repeats 1 -o "$folder" "$@"
}

step 'one command writes the report, the tables and the figures'
evaluate 0 first --data body=body --data head=head --models cnn --json
is images 'v == 8'
is unreadable 'v == 0'
[ -s first/report.html ] && [ -s first/tables.csv ] && [ -s first/journal.tsv ] || fail 'all three are there'
grep -q '^5-7,head,cnn,after,all,PSNR dB,4,' first/tables.csv || fail 'the table counts the images of a set'
grep -q '^5-7,head,cnn,after,origins with several classes,PSNR dB,3,' first/tables.csv ||
    fail 'an origin with one class is not in the headline'
grep -q '^5-7,body,cnn,after,all,MAP classes,4,' first/tables.csv || fail 'there is a MAP from the head'
grep -q 'In 8 of 8 cases' first/report.html || fail 'every ciphertext came back exactly'
/usr/bin/python3 -c '
import csv, sys
rows = [r for r in csv.reader(open("first/tables.csv")) if r[0] == "codecs" and r[5] == "bytes of JPEG 2000 as good"]
sys.exit(not (len(rows) == 2 and all(r[6] == "4" and 100 < float(r[7]) < 50176 for r in rows)))' ||
    fail 'each set says what JPEG 2000 needs for images as good'
for name in figure-1 rate-body bars-psnr-head learning-cnn; do
    [ -s first/figures/$name.svg ] || fail "there is a figure $name"
    /usr/bin/python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' first/figures/$name.svg ||
        fail "$name.svg is XML"
done
grep -o 'href="#[^"]*' first/report.html | sort -u | sed 's/.*#//' >"$work/log/anchors"
[ "$(wc -l <"$work/log/anchors")" -ge 12 ] || fail 'the page begins with its contents'
while read -r anchor; do
    grep -q "id=\"$anchor\"" first/report.html || fail "#$anchor leads somewhere"
done <"$work/log/anchors"
grep -q '<script' first/report.html && fail 'the page has no scripts'
grep -qE '(src|href)="(https?:)?//' first/report.html && fail 'the page needs nothing from elsewhere'
/usr/bin/python3 "$scripts/../support/html_balance.py" first/report.html || fail 'every tag is closed'

step 'values as printed stand beside ours, and a contradiction in them is named'
grep -q 'printed in the paper.*not at hand' first/report.html || fail 'without them the page says so'
printf '# a trial\nbody,cnn,before,PSNR dB,20.1\nbody,cnn,before,RMSE,0.012\nbody,cnn,after,PSNR dB,30.5\nbody,cnn,after,RMSE,0.03\n' >first/printed.csv
evaluate 0 first --data body=body --data head=head --models cnn
grep -q 'cnn, printed</td><td>before</td><td>20.1</td><td>0.012</td>.*both cannot be true.*38.42 dB' first/report.html ||
    fail 'a mean PSNR is not below that of the mean error'
grep 'cnn, printed</td><td>after' first/report.html | grep -q 'cannot' && fail '30.5 dB and 0.03 agree'
printf 'body,cnn,before,PSNR,20.1\n' >>first/printed.csv
code=0
"$MEDVEIL" eval --timing-images 1 --repeats 1 --data body=body --data head=head --models cnn -o first >"$out" 2>"$err" || code=$?
[ $code = 1 ] || fail "a wrong line ends with 1 (it ended with $code)"
says 'first/printed.csv, line 6: not a printed value'
rm first/printed.csv

step 'a run that was killed goes on and comes to the same figures'
grep -v '^table' first/tables.csv | grep -v ' ms,' >"$work/log/wanted"
head -n 4 first/journal.tsv >"$work/log/part"
mkdir second
cp "$work/log/part" second/journal.tsv
printf 'i 0 1 2 1 1 0.5' >>second/journal.tsv # the line that was being written
evaluate 0 second --data body=body --data head=head --models cnn
says 'going on after 3 rows'
grep -v '^table' second/tables.csv | grep -v ' ms,\|^cipher' >"$work/log/found"
grep -v '^cipher' "$work/log/wanted" | cmp -s - "$work/log/found" || fail 'the same figures'
rm -rf third
"$MEDVEIL" eval --timing-images 1 --repeats 1 --data body=body --data head=head --models cnn -o third >"$out" 2>"$err" &
pid=$!
while [ "$(wc -l 2>/dev/null <third/journal.tsv || echo 0)" -lt 3 ] && kill -0 $pid 2>/dev/null; do sleep 0.05; done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
evaluate 0 third --data body=body --data head=head --models cnn
grep -v '^table' third/tables.csv | grep -v ' ms,\|^cipher' | cmp -s - "$work/log/found" || fail 'the same figures'

step 'a journal of other images is not mixed in'
evaluate 2 first --data body=body --models cnn
says 'other models, images or settings'
cp first/journal.tsv kept.tsv
printf 'nonsense\n' >>first/journal.tsv
evaluate 1 first --data body=body --data head=head --models cnn
says 'is damaged'
evaluate 0 first --data body=body --models cnn --force

step 'networks run in whole numbers on request, in a report and a journal of their own'
mkdir -p few/chest few/belly
cp body/test/chest/xtest1.png few/chest
cp body/test/belly/ctest1.png few/belly
evaluate 0 real --data body=few --models cnn
evaluate 0 whole --data body=few --models cnn --integer --json
is integer 'v is True'
grep -q 'networks in whole numbers' whole/report.html || fail 'the report says which engine made it'
grep -q 'networks in floating point' real/report.html || fail 'the other report does, too'
grep -q '^3,,cnn,,,in whole numbers,1,' whole/tables.csv || fail 'the table says it'
grep -q '^3,,cnn,,,in whole numbers,0,' real/tables.csv || fail 'the other table does, too'
/usr/bin/python3 -c '
import csv
def mse(path): return [10 ** (-float(r[7]) / 10) for r in csv.reader(open(path))
                       if r[0] == "5-7" and r[4] == "all" and r[5] == "PSNR dB"]
a, b = mse("real/tables.csv"), mse("whole/tables.csv")
assert len(a) == len(b) == 2 and a != b and all(abs(x - y) < 1e-6 for x, y in zip(a, b))' ||
    fail 'its figures are others, by an error below 60 dB'
evaluate 2 whole --data body=few --models cnn
says 'other models, images or settings'
evaluate 2 real --data body=few --models cnn --integer
says 'other models, images or settings'
errors() { grep '^5-7.*PSNR\|^5-7.*RMSE' whole/tables.csv; }
errors >"$work/log/wanted"
head -n 2 whole/journal.tsv >"$work/log/part"
cp "$work/log/part" whole/journal.tsv
MV_CPU_MASK=avx2
export MV_CPU_MASK
evaluate 0 whole --data body=few --models cnn --integer
unset MV_CPU_MASK
says 'going on after 1 rows'
errors | cmp -s - "$work/log/wanted" || fail 'another processor goes on with the same figures'

step 'networks without whole numbers are refused by name, and nothing is written'
for model in bp lstm; do
    evaluate 2 none --data body=body --models cnn,$model --integer
    says "$model: this network has"
    says 'leave it out of --models, or leave out --integer'
    absent none
done
for report in --exact --encrypted --curves; do
    evaluate 2 none --data body=body --integer $report
    says '--integer goes with the comparison of networks'
    absent none
done

step 'what cannot be read is named, left out, and makes the exit code 15'
mkdir -p odd/test/one odd/test/two odd/test/none
picture mr 50x70 1 odd/test/one/a.png
picture ct 90x40 2 odd/test/two/b.npy
head -c 200 odd/test/one/a.png >odd/test/one/cut.png
picture mr 10x40 3 odd/test/two/thin.png
code=0
"$MEDVEIL" eval --timing-images 1 --repeats 1 --data odd=odd --models cnn -o odd-out >"$out" 2>"$err" || code=$?
[ $code = 15 ] || fail "eval ends with 15 (it ended with $code)"
says '1 class folder without an image left out'
says 'odd/test/one/cut.png is left out'
says 'odd/test/two/thin.png is left out'
says '2 of 4 images could not be read'
says 'does not know the classes of odd'
[ -s odd-out/report.html ] || fail 'the report is there'

step 'one class only: no MAP'
mkdir -p lone/only
picture mr 40x40 1 lone/only/a.png
evaluate 0 lone-out --data lone=lone --models cnn
says 'one class only'
grep -q 'MAP classes' lone-out/tables.csv && fail 'there is no MAP'

step 'a model trained for another budget is refused unless one asks for it'
expect 0 train --model bp --bits 6 --table onednn --threads 1 --batch 1 --patch 16 --validate-images 1 --steps 1 \
    --data body -o six.mvm
evaluate 2 six --data body=body --models cnn,./six.mvm
says 'bp is of another budget: it was trained for 37632 features of 6 bits'
says 'give --any-budget'
absent six
evaluate 0 six --data body=body --models cnn,./six.mvm --any-budget
grep -q 'bp <small>(another budget: 37632 features, trained for 6 bits)' six/report.html || fail 'its rows are marked'
grep -q 'cnn <small>(another' six/report.html && fail 'only its rows are marked'

step 'wrong input is refused with a sentence'
mkdir -p hollow/test/a
evaluate 10 x --data hollow=hollow
evaluate 10 x --data nowhere=nowhere
evaluate 2 x --data body
evaluate 2 x
evaluate 10 x --data body=body --models unheard-of
evaluate 2 x --data body=body --models cnn,,cnn
mkdir -p broken/a
printf 'no image' >broken/a/b.png
code=0
"$MEDVEIL" eval --data broken=broken -o broken-out >"$out" 2>"$err" || code=$?
[ $code = 1 ] || fail "eval of broken images only ends with 1 (it ended with $code)"
says 'none of the 1 images can be read'
absent broken-out/report.html
: >file
evaluate 1 file --data body=body
