#!/usr/bin/env bash
# From nothing to a trained, measured model, one stage at a time; run it in an empty folder.
set -euo pipefail

ahnpl scenes data --train 600 --test 60
ahnpl negatives data/captions.jsonl --kinds swap,attribute,object,spatial --filler corpus
ahnpl embed negatives.jsonl --image-root data --model scenes-tiny
ahnpl train --model scenes-tiny --image-root data --steps 40 --batch-size 64 --lr 1e-3 --warmup 10
ahnpl eval aro valse sugarcrepe
ahnpl inspect
