#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Features in every set and form; the public key of a collection, and who may use it.
. "$(dirname "$0")/lib.sh"
people
expect 0 keygen -o eve.id
image scan.png 32 32

step 'every set carries features in both forms, inspect says which, the picture is the same'
expect 0 encrypt -r bob.id.card --features scan.png -o ref.mv
expect 0 decrypt -i bob.id --reconstruct ref.mv -o ref.png
for set in pack4096 add4096 pack2048 pack1024 score4096 score4096w private8192 real8192 deep8192 search8192; do
    for form in sym pk; do
        expect 0 encrypt -r bob.id.card --he $set --form $form --lossy scan.png -o x.mv -f --json
        is set "v == '$set'"
        is form "v == '$form'"
        expect 0 inspect -i bob.id x.mv --json
        is inside "v['features']['set'] == '$set' and v['features']['form'] == '$form'"
        is inside "v['features']['margin_bits'] > 0 and v['features']['error_bound'] < 1e-5"
        expect 0 decrypt -i bob.id x.mv -o x.png -f
        same x.png ref.png
    done
done

step 'a set below the quantum limit is named as such, and refused on request with the numbers'
expect 0 encrypt -r bob.id.card --he pack2048 scan.png -o classical.mv
says '128 bits classical only'
expect 0 inspect -i bob.id classical.mv
prints 'against classical attacks only'
expect 0 inspect -i bob.id classical.mv --json
is inside "v['features']['quantum'] is False"
expect 14 encrypt -r bob.id.card --quantum --he pack2048 scan.png -o refused.mv
says '50 bits at N = 2048 is above 41, the limit for 128 bits of quantum security'
absent refused.mv
expect 0 encrypt -r bob.id.card --quantum --he real8192 scan.png -o quantum.mv
expect 0 encrypt -r bob.id.card --quantum --features scan.png -o quantum.mv -f
expect 0 inspect -i bob.id quantum.mv --json
is inside "v['features']['quantum'] is True"

step 'an outside sender needs the public key alone; the receiver needs the collection'
expect 0 collection new -i alice.id -r bob.id.card -o trial.mv
expect 0 collection public trial.mv -i bob.id -o trial.pub
expect 0 encrypt -s eve.id -r bob.id.card --form pk --features --collection trial.pub scan.png -o out.mv
expect 0 decrypt -i bob.id out.mv -o exact.png
same scan.png exact.png
expect 12 decrypt -i bob.id --reconstruct out.mv -o back.png
says '--collection FILE'
absent back.png
expect 0 decrypt -i bob.id --reconstruct --collection trial.mv out.mv -o back.png
same back.png ref.png
expect 0 verify -i bob.id out.mv
expect 0 verify -i bob.id --collection trial.mv out.mv
expect 0 inspect -i bob.id out.mv
prints 'its key does not travel'
expect 12 collection show trial.mv -i eve.id

step 'without -r it is sealed for the holders, when the one who signed is known here'
expect 14 encrypt -s eve.id --collection trial.pub scan.png -o known.mv
absent known.mv
expect 0 card add bob.id.card --alias bob
expect 0 encrypt -s eve.id --collection trial.pub --features scan.png -o known.mv
expect 0 decrypt -i alice.id --reconstruct --collection trial.mv known.mv -o known.png
same known.png ref.png

step 'a card bound to one public key is not sealed for under another'
expect 0 collection public trial.mv -i alice.id -o other.pub
expect 0 card renew -i bob.id --he-public trial.pub
expect 0 card show bob.id.card
prints 'HE key'
expect 14 encrypt -s eve.id -r bob.id.card --collection other.pub scan.png -o bound.mv
absent bound.mv
expect 0 encrypt -s eve.id -r bob.id.card --collection trial.pub scan.png -o bound.mv

step 'after a rotation the old generation is still there for what was sealed to it'
expect 0 collection rotate trial.mv -i alice.id
expect 12 decrypt -i bob.id --reconstruct --collection trial.mv out.mv -o late.png
expect 0 decrypt -i bob.id --reconstruct --collection trial.mv.1 out.mv -o late.png
same late.png ref.png

step 'what cannot be'
expect 2 encrypt -r bob.id.card --form both scan.png -o y.mv
expect 2 encrypt -r bob.id.card --he pack512 scan.png -o y.mv
expect 2 encrypt -r bob.id.card --no-features --lossy scan.png -o y.mv
for option in --features '--bits 8' '--he pack4096' '--sums 2' '--frame-slices 3' '--resize 9x9' '--slice 0'; do
    # shellcheck disable=SC2086 -- an option and its value
    expect 2 encrypt -r bob.id.card --no-features $option scan.png -o y.mv
    says 'needs the features, which --no-features leaves out'
done
expect 2 encrypt -r bob.id.card --form sym --collection trial.pub scan.png -o y.mv
expect 2 encrypt -r bob.id.card --he real8192 --collection trial.pub scan.png -o y.mv
expect 2 encrypt -r bob.id.card --he pack1024 --form pk --sums 2 scan.png -o y.mv
expect 2 collection public trial.mv -i alice.id
expect 2 collection public trial.mv -i alice.id --he pack512 -o y.pub
expect 1 encrypt -r bob.id.card --collection scan.png scan.png -o y.mv
expect 1 card renew -i bob.id --he-public scan.png
sed '20{s/^A/B/;t;s/^./A/;}' trial.pub >forged.pub
expect 13 encrypt -r bob.id.card --collection forged.pub scan.png -o y.mv
absent y.mv
absent y.pub

step 'the image can travel without features'
expect 0 encrypt -r bob.id.card --no-features scan.png -o bare.mv --json
is bytes_ciphertext 'v == 0'
is set 'v is None'
expect 0 decrypt -i bob.id bare.mv -o bare.png
same bare.png scan.png
expect 10 decrypt -i bob.id --reconstruct bare.mv -o none.png
absent none.png
expect 0 encrypt -r bob.id.card --no-features --no-embedding --model none-such scan.png -o bare.mv -f # needs no network

step 'an embedding travels when the model has a head; when none does, encrypt says why'
expect 0 encrypt -r bob.id.card scan.png -o told.mv --json
is bytes_embedding 'v == 243'
is embedding_why 'v is None'
expect 0 inspect -i bob.id told.mv
prints '128 values'
expect 0 encrypt -s eve.id -r alice.id.card --collection other.pub --lossy scan.png -o told.mv -f --json
is bytes_embedding 'v == 25917'
expect 0 encrypt -r bob.id.card --no-embedding scan.png -o told.mv -f --json
is bytes_embedding 'v == 0'
is embedding_why "'--no-embedding' in v"
expect 0 inspect -i bob.id told.mv
prints 'none travels'
